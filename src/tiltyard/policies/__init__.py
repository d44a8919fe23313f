"""Policies: decision rules, trained or hand-written; their names, and those built in."""
