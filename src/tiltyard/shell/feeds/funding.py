"""The funding rates in a folder of bars, read again when their files change.

They are features of who looks at them, and no costs of the desk. A rate is known from its time on,
and what has been asked of it sees what is read later. What cannot be read is told once until it
changes; then, and where a file is gone, nothing is known of that funding.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.costs import FundingRates
from tiltyard.shell.feeds.files import funding_symbol, read_rates
from tiltyard.shell.feeds.stamp import Stamp

Rate = tuple[datetime, float]


class GrowingRates(FundingRates):
    """Rates of one symbol that others are read in the place of."""

    def __init__(self) -> None:
        super().__init__(())
        self.rates: Sequence[Rate] = ()

    def take(self, rates: Sequence[Rate]) -> None:
        """From now on these are known, in time order."""
        super().__init__(rates)
        self.rates = rates


class FundingFolder:
    """The funding rates of every symbol in a folder.

    Args:
        say: Told, for people, what is wrong.
        assume_utc: Read times without an offset as UTC.
    """

    def __init__(self, say: Callable[[str], object], *, assume_utc: bool = False) -> None:
        self._say = say
        self._assume_utc = assume_utc
        self._symbols: dict[str, GrowingRates] = {}
        self._read: dict[Path, Stamp] = {}

    def of(self, symbol: str) -> GrowingRates:
        """The rates of a symbol; none while there is no file of them."""
        return self._symbols.setdefault(symbol, GrowingRates())

    @property
    def known(self) -> set[str]:
        """Symbols of which rates are known now."""
        return {symbol for symbol, one in self._symbols.items() if one.rates}

    def unread(self, files: Iterable[Path]) -> set[str]:
        """Symbols whose rates some files have by their names, and nobody has tried to read yet.

        Args:
            files: Those in the folder.
        """
        return {symbol for file in files if file not in self._read and (symbol := _symbol(file))}

    def look(self, found: Mapping[Path, Stamp]) -> bool:
        """Read one file that has changed; whether others have.

        Args:
            found: The files of funding rates that are there.
        """
        for file in [file for file in self._read if file not in found]:
            del self._read[file]
            self._forget(file)
            self._say(f"{file.name} is gone: its funding is not known")
            self._read = {
                one: known for one, known in self._read.items() if _symbol(one) != _symbol(file)
            }
        changed = [file for file, stamp in found.items() if self._read.get(file) != stamp]
        if changed:
            self._look_at(changed[0], found[changed[0]])
        return len(changed) > 1

    def _look_at(self, file: Path, stamp: Stamp) -> None:
        others = [one for one in self._read if one != file and _symbol(one) == _symbol(file)]
        self._read[file] = stamp
        if others:
            self._say(f"FEED_REFUSED {file}: {others[0].name} has the funding of the same symbol")
            return
        try:
            rates = read_rates(file, assume_utc=self._assume_utc)
        except TiltyardError as error:
            self._forget(file)
            self._say(f"{error}\n  its funding is not known")
            return
        self.of(_symbol(file)).take(rates)

    def _forget(self, file: Path) -> None:
        self.of(_symbol(file)).take(())


def _symbol(file: Path) -> str:
    return funding_symbol(file) or ""
