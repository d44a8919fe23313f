"""The features that a learner is told when nobody says which, and those of funding beside them.

None has a scale, so what was learnt at one price holds at another; none looks further back than a
week of hours. The lengths are those that hand-written rules of the kind go by (20 and 100 bars for
averages, 55 for a breakout), a day and a week.

>>> from tiltyard.features.technical import indicator
>>> from tiltyard.market.bar import HOUR
>>> all(callable(indicator(name, HOUR)) for name in (*TECHNICAL, *TIME, *FUNDING))
True
"""

TECHNICAL: tuple[str, ...] = (
    "return_1", "return_4", "return_24", "return_72", "return_168",
    "volatility_24", "volatility_168",
    "distance_20", "distance_100",
    "rsi_14",
    "place_24", "place_55", "place_168",
    "relative_range_14",
    "volume_ratio_24", "volume_ratio_168",
)  # fmt: skip
"""Of prices and volumes."""
TIME: tuple[str, ...] = ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos")
"""Of when a bar closed."""
FUNDING: tuple[str, ...] = ("funding", "funding_21")
"""Of what it costs to hold: the last rate, and the mean of a week of them; only where they are
asked for, as not everybody knows them."""
