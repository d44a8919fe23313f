"""The market as policies see it: bars, and how far they can be believed.

``bar`` is one candle, ``quality`` finds those that are no prices.
"""
