"""When a bar closed, UTC, as a place on a circle: what is near in time is near in value.

``hour_sin`` and ``hour_cos`` go round once a day, from midnight; ``weekday_sin`` and
``weekday_cos`` once a week, from Monday's midnight.

>>> from datetime import UTC, datetime
>>> from tiltyard.market.bar import HOUR
>>> five = Bar("SOL/USDT", datetime(2025, 7, 7, 5, tzinfo=UTC), 100.0, 101.0, 99.0, 100.0, 1.0)
>>> CLOSING_TIME["hour_sin"](HOUR)(five)
1.0
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from math import cos, sin, tau

from tiltyard.features.vector import Indicator
from tiltyard.market.bar import Bar

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


def _circle(wave: Callable[[float], float], once: timedelta, interval: timedelta) -> Indicator:
    def see(bar: Bar) -> float:
        return wave(tau * ((bar.closes_at(interval) - _MONDAY) % once / once))

    return see


CLOSING_TIME: Mapping[str, Callable[[timedelta], Indicator]] = {
    "hour_sin": partial(_circle, sin, DAY),
    "hour_cos": partial(_circle, cos, DAY),
    "weekday_sin": partial(_circle, sin, WEEK),
    "weekday_cos": partial(_circle, cos, WEEK),
}
"""By name, of bars that last so long."""
