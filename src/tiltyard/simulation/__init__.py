"""Worlds whose truth is known: policies of a stated profit factor, their trades, and an arena."""
