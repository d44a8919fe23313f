"""Pages for the eye, each one HTML file."""
