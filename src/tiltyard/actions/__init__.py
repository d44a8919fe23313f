"""What follows a verdict: actions as values, planned, applied and recorded purely."""
