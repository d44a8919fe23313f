"""Files, databases, clocks and processes: the core has none, and never imports this."""
