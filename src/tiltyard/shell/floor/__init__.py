"""The floor of a desk that trades by itself, on paper, over bars."""
