"""What would have been done, what was, and whether the record says so."""
