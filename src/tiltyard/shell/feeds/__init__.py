"""Bars and funding rates, as they come from files."""
