"""What follows outside from what the desk decides, until it has arrived."""
