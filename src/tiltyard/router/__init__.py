"""Who may trade: the life of an arm, and which of them an episode is given to."""
