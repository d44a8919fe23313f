"""Who may trade: the life of an arm. Splitting traffic joins when the desk trades."""
