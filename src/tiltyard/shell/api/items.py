"""From what a bot has sent to facts, or to everything that is wrong with it.

Trades are read as those of a file are (:mod:`tiltyard.facts.intake`). The others are read
here in the same manner: a value is taken exactly or refused, and a batch tells all its faults
at once, each with the item it is in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType
from typing import Any

from tiltyard.facts import cells
from tiltyard.facts.decision import Decision
from tiltyard.facts.intake import Intake
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.metrics.catalogue import GAUGES, METRICS

Row = Mapping[str, object]
Fact = Mark | Decision | Observation


@dataclass(frozen=True, slots=True)
class ItemFault:
    """One thing wrong in one item of a batch.

    Attributes:
        item: Its place in the batch, from 0; None for the batch as a whole.
        place: The field; empty for the item as a whole.
        message: What was found and what was expected.
    """

    item: int | None
    place: str
    message: str


def read_trades(
    source: str, rows: Sequence[Row]
) -> tuple[list[tuple[Trade, bool]], list[ItemFault]]:
    """The trades of a batch, each with whether it states its revision; and what is wrong."""
    reader = Intake(source).reader()
    found: list[tuple[Trade, bool]] = []
    faults: list[ItemFault] = []
    for number, row in enumerate(rows):
        read = reader.read(number + 1, row)
        if isinstance(read, list):
            faults += [
                ItemFault(number, one.place.rpartition(", column ")[2], one.message) for one in read
            ]
        else:
            found.append(read)
    return found, faults


def read_facts(kind: str, rows: Sequence[Row]) -> tuple[list[Fact], list[ItemFault]]:
    """The marks, observations or decisions of a batch; and what is wrong."""
    make, fields = _KINDS[kind]
    found: list[Fact] = []
    faults: list[ItemFault] = []
    for number, row in enumerate(rows):
        values: dict[str, Any] = {}
        before = len(faults)
        for name, (parse, required) in fields.items():
            raw = row.get(name)
            if raw is None or raw == "":
                if required:
                    faults.append(ItemFault(number, name, "required, but missing or empty"))
                continue
            try:
                values[name] = parse(raw)
            except ValueError as refusal:
                faults.append(ItemFault(number, name, str(refusal)))
        if len(faults) == before:
            found.append(make(**values))
    return found, faults


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:  # noqa: ANN401 whatever somebody sends
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            cells.refuse(f"a whole number from {least} to {most}", value)
        return value

    return parse


def _number(value: Any) -> float:  # noqa: ANN401 as above
    if isinstance(value, bool) or not isinstance(value, int | float):
        cells.refuse("a finite number", value)
    try:
        number = float(value)
    except OverflowError:
        cells.refuse("a finite number", value)
    if not isfinite(number):
        cells.refuse("a finite number", value)
    return number


def _gauge(value: Any) -> str:  # noqa: ANN401 as above
    name = cells.text(value)
    if name in METRICS and name not in GAUGES:
        cells.refuse("a gauge, and this metric is computed here", value)
    return name


def _propensity(value: Any) -> float:  # noqa: ANN401 as above
    number = _number(value)
    if not 0 < number <= 1:
        cells.refuse("a probability above 0 and at most 1", value)
    return number


def _decision(**values: Any) -> Decision:  # noqa: ANN401 as read
    return Decision(hour=values["decided_at"].hour, **{"volatility_tercile": None, **values})


_MOST = 2**31
_KINDS: Mapping[str, tuple[Callable[..., Fact], Mapping[str, tuple[Callable[[Any], Any], bool]]]]
_KINDS = MappingProxyType(
    {
        "marks": (
            Mark,
            {
                "policy": (cells.text, True),
                "marked_at": (cells.time, True),
                "unrealised": (cells.amount, True),
                "open_positions": (_whole(0, _MOST), True),
                "capital": (cells.positive_amount, False),
                "account": (cells.text, False),
                "currency": (cells.text, False),
                "exposure": (cells.amount, False),
            },
        ),
        "observations": (
            Observation,
            {
                "name": (_gauge, True),
                "number": (_number, True),
                "observed_at": (cells.time, True),
                "policy": (cells.text, False),
                "samples": (_whole(1, _MOST), False),
            },
        ),
        "decisions": (
            _decision,
            {
                "episode_id": (cells.text, True),
                "symbol": (cells.text, True),
                "policy": (cells.text, True),
                "propensity": (_propensity, True),
                "share_revision": (_whole(0, 2**62), True),
                "decided_at": (cells.time, True),
                "volatility_tercile": (_whole(0, 2), False),
            },
        ),
    }
)
