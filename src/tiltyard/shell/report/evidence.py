"""What speaks for an arm beside its trial, as a report says it: its value, and the champion's.

Both are made when somebody asks, over all of its trades and not those of the trial alone: nothing
is judged by them. The ledger is read once for all arms.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from tiltyard.facts.decision import VOLATILITY, Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.arm_value import ArmValue
from tiltyard.metrics.comparison import KINDS, Comparison, Difference, Kind
from tiltyard.metrics.off_policy import Estimate, OffPolicyValue
from tiltyard.metrics.traffic import Traffic
from tiltyard.metrics.unit import LEAST_R, MOST_R, Unit
from tiltyard.scaling.sayings import chance
from tiltyard.shell.history import past
from tiltyard.shell.report.signed import signed, span
from tiltyard.shell.store.ledger import Ledger

MOST_SYMBOLS = 4
"""With a line of its own each."""
_ESTIMATORS = {
    "inverse_propensity": "weighted",
    "self_normalised": "self-normalised",
    "doubly_robust": "doubly robust",
}
_WIDTH = 15


class ComparisonLine(NamedTuple):
    """The difference of a challenger and the champion somewhere, when the market was so wild.

    Attributes:
        kind: Of which trades.
        symbol: Empty for all.
        volatility: ``calm``, ``usual`` or ``wild``; empty for all.
        reading: What a trade made more, or why there is none.
        unit: In what.
    """

    kind: Kind
    symbol: str
    volatility: str
    reading: Difference | Undefined
    unit: Unit


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an arm beside its trial.

    Attributes:
        against: Of the champion; empty for the champion itself, and where either has no trades.
        value: Had it been given every opportunity; None where nobody was given any.
        value_unit: In what.
    """

    against: Sequence[ComparisonLine] = ()
    value: OffPolicyValue | None = None
    value_unit: Unit = "R"


NOTHING = Evidence()
"""Nobody has looked."""


def traffic_of(ledger: Ledger, now: datetime) -> Traffic:
    """Who had how much traffic until now, by the audit."""
    return Traffic(past([json.loads(row.body) for row in ledger.audit()], now)[0])


class EvidenceBook:
    """Evidence of several arms, gathered while a ledger is read once.

    Args:
        traffic: As the audit tells.
        policies: The arms.
        champion: Who they are compared with; may be one of them, or nobody.
    """

    def __init__(self, traffic: Traffic, policies: Sequence[str], champion: str) -> None:
        self._champion = champion
        self._values = {name: _value_of(traffic, name) for name in policies}
        self._comparisons = {
            name: _comparison_of(traffic, name, champion)
            for name in policies
            if champion not in ("", name)
        }
        self._has_decisions = False

    def see(self, fact: Trade | Decision) -> None:
        """One more, of whomever, in time order; what was decided comes first."""
        if isinstance(fact, Decision):
            self._has_decisions = True
            for value in self._values.values():
                value.decide(fact)
            for comparison in self._comparisons.values():
                comparison.decide(fact)
            return
        if fact.policy in self._values:
            self._values[fact.policy].see(fact)
        if fact.policy == self._champion:
            for comparison in self._comparisons.values():
                comparison.see(fact)
        elif fact.policy in self._comparisons:
            self._comparisons[fact.policy].see(fact)

    def of(self, policy: str, now: datetime) -> Evidence:
        """What speaks for one of them by ``now``, UTC."""
        comparison, value = self._comparisons.get(policy), self._values[policy]
        lines = [] if comparison is None else list(_lines(comparison))
        return Evidence(lines, value.value(now) if self._has_decisions else None, value.unit)


def _value_of(traffic: Traffic, policy: str) -> ArmValue:
    return ArmValue(policy, lambda decision: traffic.could_choose(policy, decision))


def _comparison_of(traffic: Traffic, policy: str, champion: str) -> Comparison:
    def counts(at: datetime) -> bool:
        return not traffic.paused(policy, at) and not traffic.paused(champion, at)

    return Comparison(policy, champion, counts)


def against_section(lines: Sequence[ComparisonLine]) -> Iterator[str]:
    """For people, a line each."""
    for where, told in against_rows(lines):
        yield f"{where:<{_WIDTH}}  {told}"


def against_rows(lines: Sequence[ComparisonLine]) -> Iterator[tuple[str, str]]:
    """Each comparison, and paper, else live, by volatility and by symbol, where few."""
    for line in lines:
        if not line.symbol and not line.volatility:
            yield line.kind, difference_text(line.reading)
    if not lines:
        return
    finest: Kind = "paper" if any(line.kind == "paper" for line in lines) else "live"
    apart = [line for line in lines if line.kind == finest]
    symbols = {line.symbol for line in apart if line.symbol}
    for line in apart:
        if line.volatility or (line.symbol and len(symbols) <= MOST_SYMBOLS):
            yield f"{finest}, {line.symbol or line.volatility}", difference_text(line.reading)


def difference_text(found: Difference | Undefined) -> str:
    """The mean, its interval of 95 %, the chance, what it is made from, and what was clipped."""
    if isinstance(found, Undefined):
        return str(found)
    return (
        f"{signed(found.mean, 3)}, {span(found.low, found.high, 3)}, better with "
        f"{chance(found.better)}, {found.trades:,} trades against {found.against:,}"
        f"{_clipped(found.clipped)}"
    )


def value_section(value: OffPolicyValue) -> Iterator[str]:
    """For people: the three estimates, and what they are made from."""
    for name, told in value_rows(value):
        yield f"{name:<{_WIDTH}}  {told}"
    yield weights_text(value)


def value_rows(value: OffPolicyValue) -> Iterator[tuple[str, str]]:
    """The three estimates."""
    for name, estimate in value.estimates:
        yield _ESTIMATORS[name], _estimate_text(estimate)


def weights_text(value: OffPolicyValue) -> str:
    """What they are made from."""
    percent = round(100 * value.heaviest, 1)
    heaviest = f"{percent:.1f} %" if percent else "under 0.1 %"
    return (
        f"given {value.given:,} of {value.opportunities:,} opportunities, worth "
        f"{value.effective:,.0f} equal ones; heaviest {heaviest}{_clipped(value.clipped)}"
    )


def _clipped(trades: int) -> str:
    return f"; {trades:,} clipped to {LEAST_R:g} … {MOST_R:g} R" if trades else ""


def comparison_json(line: ComparisonLine) -> dict[str, Any]:
    """The same for programs. The field names are a contract."""
    known = line.reading if isinstance(line.reading, Difference) else None
    unknown = line.reading if isinstance(line.reading, Undefined) else None
    return {
        "book": line.kind.replace(" ", "_"),
        "symbol": line.symbol or None,
        "volatility": line.volatility or None,
        "unit": line.unit,
        "mean": known and known.mean,
        "low": known and known.low,
        "high": known and known.high,
        "better": known and known.better,
        "trades": known and known.trades,
        "against": known and known.against,
        "days": known and known.days,
        "clipped": known and known.clipped,
        "state": unknown.state if unknown else "defined",
        "reason": unknown.reason if unknown else None,
    }


def value_json(value: OffPolicyValue, unit: Unit) -> dict[str, Any]:
    """The same for programs. The field names are a contract."""
    return {
        "unit": unit,
        "opportunities": value.opportunities,
        "given": value.given,
        "effective": value.effective,
        "heaviest": value.heaviest,
        "clipped": value.clipped,
        **{name: estimate_json(estimate) for name, estimate in value.estimates},
    }


def estimate_json(estimate: Estimate | Undefined) -> dict[str, Any]:
    """One of the three."""
    known = estimate if isinstance(estimate, Estimate) else None
    unknown = estimate if isinstance(estimate, Undefined) else None
    return {
        "value": known and known.value,
        "low": known and known.low,
        "high": known and known.high,
        "state": unknown.state if unknown else "defined",
        "reason": unknown.reason if unknown else None,
    }


def _estimate_text(estimate: Estimate | Undefined) -> str:
    if isinstance(estimate, Undefined):
        return str(estimate)
    return f"{signed(estimate.value, 3)}, {span(estimate.low, estimate.high, 3)}"


def _lines(comparison: Comparison) -> Iterator[ComparisonLine]:
    for kind in KINDS:
        if not comparison.has_both(kind):
            continue
        unit = comparison.unit
        yield ComparisonLine(kind, "", "", whole := comparison.read(kind), unit)
        if isinstance(whole, Undefined) and whole.state == "no_risk":
            continue
        for tercile, word in enumerate(VOLATILITY):
            reading = comparison.read(kind, terciles=[tercile])
            yield ComparisonLine(kind, "", word, reading, unit)
        for symbol in comparison.symbols:
            yield ComparisonLine(kind, symbol, "", comparison.read(kind, symbol), unit)
