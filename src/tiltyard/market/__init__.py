"""The market as policies see it: bars, how far they can be believed, and what trading costs.

``bar`` is one candle, ``quality`` finds those that are no prices, ``implausible`` those of a
past that no market makes, ``costs`` and ``paper`` are a venue on paper, ``simulated`` is a market
that never was.
"""
