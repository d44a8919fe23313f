"""Pictures for the eye, each one HTML file."""
