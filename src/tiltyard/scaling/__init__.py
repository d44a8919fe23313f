"""What a night earns: rules that turn measurements into shares."""
