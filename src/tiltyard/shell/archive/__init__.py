"""Snapshots of the whole house: kept where the machine's own disk can be lost, and restored."""
