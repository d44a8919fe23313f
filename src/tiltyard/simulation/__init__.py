"""A world whose truth is known: trades drawn from policies with a stated profit factor."""
