"""What a policy is told of a market: named numbers, and as of when they are known."""
