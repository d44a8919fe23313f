"""Policies: decision rules, trained or hand-written. So far only their names."""
