"""What is known of each symbol when a bar has closed, kept up bar after bar.

Nothing of it is written down: who begins reads the bars before once more. So does who is to tell
more than before, because somebody joins who has to be told more.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice

from tiltyard.features.technical import Indicators
from tiltyard.features.vector import Features
from tiltyard.features.wildness import Wildness
from tiltyard.kernel.clock import EPOCH
from tiltyard.market.bar import Bar
from tiltyard.policies.catalogue import POLICIES
from tiltyard.policies.policy import Policy
from tiltyard.shell.feeds.folder import BarFolder

NEEDS = tuple(dict.fromkeys(need for _, policy in POLICIES.items() for need in policy.needs))
"""What any hand-written policy may have to be told."""
FEW, AT_ONCE = 100, 2_000
"""Of a symbol with more than a few bars that were not seen, so many are while the desk waits."""


class _Symbol:
    def __init__(self, symbol: str, needs: Iterable[str], looks_back: int, bars: BarFolder) -> None:
        self.indicators = Indicators(symbol, needs, bars.interval, bars.funding.of(symbol))
        self.wildness = Wildness()
        self.last = EPOCH
        self.features = Features(symbol, EPOCH, {})
        self.recent: deque[Bar] = deque(maxlen=looks_back)


class Readings:
    """Of every symbol in a folder.

    Args:
        bars: The folder.
    """

    def __init__(self, bars: BarFolder) -> None:
        self._bars = bars
        self._symbols: dict[str, _Symbol] = {}
        self._needs = NEEDS
        self._looks_back = 0

    def tell(self, policies: Iterable[Policy]) -> None:
        """Tell what these have to be told.

        Args:
            policies: All that are seated.

        Raises:
            TiltyardError: ``FEATURE_UNKNOWN``.
        """
        needs, looks_back = NEEDS, 0
        for policy in policies:
            needs = tuple(dict.fromkeys([*needs, *policy.needs]))
            looks_back = max(looks_back, policy.looks_back)
        if set(needs) - set(self._needs) or looks_back > self._looks_back:
            self._needs, self._looks_back, self._symbols = needs, looks_back, {}

    def at(self, until: datetime) -> tuple[Mapping[str, Features], Mapping[str, int | None]]:
        """What is known of the symbols with a bar that closed then, and how wild they are.

        Args:
            until: Not before any time that was asked for before.
        """
        known, wild = {}, {}
        for name in self._bars.symbols:
            symbol = self._see(name, until)
            if symbol.features.as_of == until and name in self._bars.at(
                until - self._bars.interval
            ):
                known[name] = symbol.features._replace(recent=tuple(symbol.recent))
                wild[name] = symbol.wildness.tercile
        return known, wild

    def catch_up(self, until: datetime) -> bool:
        """See bars of one symbol of which more than a few were not seen; whether there was one.

        Args:
            until: As in :meth:`at`.
        """
        for name in self._bars.symbols:
            if self._bars.count_since(name, self._symbol(name).last, until) > FEW:
                self._see(name, until, AT_ONCE)
                return True
        return False

    def _see(self, name: str, until: datetime, most: int | None = None) -> _Symbol:
        symbol = self._symbol(name)
        for bar in islice(self._bars.since(name, symbol.last, until), most):
            symbol.wildness.see(bar)
            symbol.features, symbol.last = symbol.indicators.see(bar), bar.opened_at
            symbol.recent.append(bar)
        return symbol

    def _symbol(self, name: str) -> _Symbol:
        if name not in self._symbols:
            self._symbols[name] = _Symbol(name, self._needs, self._looks_back, self._bars)
        return self._symbols[name]
