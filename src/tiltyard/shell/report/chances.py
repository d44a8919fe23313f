"""What lies before an arm, as a report and ``checklist explain`` say it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tiltyard.checklist.explain import Answer, Prospect
from tiltyard.checklist.sizing import Sizing, part, percent
from tiltyard.kernel.undefined import Undefined
from tiltyard.shell.prospects import LIVES

Json = dict[str, Any]

_HAPPENS = {
    "halt": "halt it",
    "throttle": "throttle it",
    "propose_rollback": "propose a rollback",
}
"""Effects that a report speaks of: what they take is gone for good, or for long."""


def chance_lines(prospects: Sequence[Prospect]) -> Iterator[str]:
    """For a report: a line for each guard that takes all traffic, one for sizing, or none."""
    lines = [line for prospect in prospects for line in chances_of(prospect)]
    if lines:
        yield f"Chances within 500 trades, by {LIVES} lives drawn from its own trades:"
        yield from (f"  {line}" for line in lines)


def prospect_json(prospect: Prospect) -> Json:
    """One guard, for programs. The field names are a contract."""
    own = prospect.own_threshold
    wanted = prospect.guard.confirm.threshold if prospect.guard.confirm.trades else None
    return {
        "guard": prospect.guard.name,
        **_answer(prospect.as_it_is),
        "if_good": _supposed(prospect.good_factor, prospect.if_good),
        "if_bad": _supposed(prospect.bad_factor, prospect.if_bad),
        "evidence_wanted": wanted,
        "evidence_by_own_trades": None if isinstance(own, Undefined) else own,
        "sizing": None if prospect.sizing is None else _sizing(prospect.sizing),
    }


def chances_of(prospect: Prospect) -> Iterator[str]:
    """Of one guard: what it would do to the arm, and what the arm's sizing means."""
    guard, now, good = prospect.guard, prospect.as_it_is, prospect.if_good
    if guard.effect in _HAPPENS and not isinstance(now, Undefined):
        line = f"{guard.name} would {_HAPPENS[guard.effect]} in {_share(now)}"
        if not isinstance(good, Undefined):
            line += f", and in {_share(good)} were its profit factor {prospect.good_factor:.3g}"
        yield line
    if isinstance(prospect.sizing, Sizing):
        sizing = prospect.sizing
        sized = f"sized as it is, with a median of {part(sizing.risk)} of capital at risk"
        falls = percent(sizing.within[max(sizing.within)])
        yield f"{sized}: a fall of more than {sizing.limit:g} % in {falls}; {sizing.remedy()}"


def _share(answer: Answer) -> str:
    if isinstance(answer, Undefined):
        return str(answer)
    return percent(answer.within[max(answer.within)])


def _answer(answer: Answer) -> Json:
    if isinstance(answer, Undefined):
        return {"state": answer.state, "reason": answer.reason}
    return {
        "state": "defined",
        "trades_used": answer.trades_used,
        "within": _by_trades(answer.within),
        "standard_error": _by_trades(answer.standard_error),
        "median_trades_to_breach": answer.median_trades_to_breach,
    }


def _supposed(factor: float | Undefined, answer: Answer) -> Json:
    known = None if isinstance(factor, Undefined) else factor
    return {"profit_factor": known, **_answer(answer)}


def _sizing(sizing: Sizing | Undefined) -> Json:
    if isinstance(sizing, Undefined):
        return {"state": sizing.state, "reason": sizing.reason}
    return {
        "state": "defined",
        "trades_used": sizing.trades_used,
        "risk": sizing.risk,
        "limit": sizing.limit,
        "within": _by_trades(sizing.within),
        "standard_error": _by_trades(sizing.standard_error),
        "largest_risk": sizing.largest_risk,
    }


def _by_trades(shares: Mapping[int, float]) -> Json:
    return {str(trades): share for trades, share in shares.items()}
