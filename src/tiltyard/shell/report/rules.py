"""What each other rule would have made, as people and programs read it."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.off_policy import Estimate
from tiltyard.scaling.counterfactual import Kind
from tiltyard.scaling.other_rules import SALTS, Done, Month, OtherRules, RuleLine
from tiltyard.shell.report.evidence import estimate_json
from tiltyard.shell.report.signed import signed, span

Json = dict[str, Any]

_DID: Mapping[Kind, str] = {
    "promote": "promoted",
    "retire": "retired",
    "time_out": "asked about",
    "halt": "halted",
    "throttle": "throttled",
}
_HEADS = ("rule", "beyond the champion alone", "beyond what was done")
_HEAD_BELOW = f"what it would have done (in so many of {SALTS} plays)"
WIDTH = 100
_TIE = "\N{NO-BREAK SPACE}"


def rules_text(found: OtherRules | Undefined) -> Iterator[str]:
    """What each rule made and did, what was done first, and what follows from it.

    No line of the table is wider than 100 columns while names of rules are short.
    """
    if isinstance(found, Undefined):
        yield f"What other rules would have made: {found}"
        return
    yield f"What each rule would have made, in {_unit(found)},"
    yield (
        f"by {found.opportunities:,} opportunities from {found.began:%Y-%m-%d} to "
        f"{found.ended:%Y-%m-%d}:"
    )
    done = (f"{found.enforced} (enforced)", _estimate(found.was_done), "")
    rows = [_HEADS, done, *(_row(line) for line in found.lines)]
    below = [[_HEAD_BELOW], [], *(_decided(line.done) for line in found.lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    indent = " " * (widths[0] + 4)
    for row, decided in zip(rows, below, strict=True):
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()
        yield from _wrapped(decided, indent)
    yield from proposal_lines(found)


def closing_rules(found: OtherRules | Undefined) -> Iterator[str]:
    """At the end of a replay: the best of them in a line, and what follows from it."""
    if isinstance(found, Undefined):
        yield f"What other rules would have made: {found}"
        return
    best = found.best
    if best is not None:
        how = "did best" if found.proposed is None else "did best beyond chance"
        yield (
            f"Of {len(found.lines)} other rules {best.rule} {how}: {_estimate(best.beyond_done)}"
            f" {found.unit} beyond what was done, over {found.opportunities:,} opportunities"
        )
    yield from proposal_lines(found)


def proposal_lines(found: OtherRules) -> Iterator[str]:
    """What follows: a rule is proposed, or nothing is, and why."""
    if found.without_paper:
        yield (
            "Descriptive, not causal: no trade on paper says what "
            f"{', '.join(found.without_paper)} would have made elsewhere. Nothing is proposed."
        )
    if found.without_capital:
        yield (
            f"Descriptive: nobody says the capital of {', '.join(found.without_capital)}, so no "
            "drawdown would have halted it. Nothing is proposed. Report it with the trades, or "
            "set [policies] capital in tiltyard.toml."
        )
    if found.without_paper or found.without_capital:
        return
    best = found.proposed
    if best is None or isinstance(best.beyond_done, Undefined):
        yield "No observed rule did better beyond chance."
        return
    more = best.beyond_done
    yield (
        f"PROPOSED, not adopted: {best.rule} would have made {signed(more.value)} {found.unit} "
        f"more ({span(more.low, more.high)}), over {found.opportunities:,} opportunities."
    )
    yield f'To adopt it, set [scaling] rule = "{best.rule}" in tiltyard.toml.'


def rules_json(found: OtherRules | Undefined) -> Json:
    """Everything, for programs. The field names are a contract."""
    known = None if isinstance(found, Undefined) else found
    return {
        "enforced": known and known.enforced,
        "champion": known and known.champion,
        "began": known and time_text(known.began),
        "ended": known and time_text(known.ended),
        "opportunities": known.opportunities if known else 0,
        "unit": known and known.unit,
        "plays": SALTS,
        "was_done": known and estimate_json(known.was_done),
        "rules": [rule_json(line) for line in known.lines] if known else [],
        "without_paper": list(known.without_paper) if known else [],
        "without_capital": list(known.without_capital) if known else [],
        "proposed": known.proposed.rule if known and known.proposed else None,
        "state": found.state if isinstance(found, Undefined) else "defined",
        "reason": found.reason if isinstance(found, Undefined) else None,
    }


def rule_json(line: RuleLine) -> Json:
    """One rule."""
    return {
        "rule": line.rule,
        "beyond_champion": estimate_json(line.beyond_champion),
        "beyond_done": estimate_json(line.beyond_done),
        "better": line.better if isinstance(line.beyond_done, Estimate) else None,
        "decided": [decided_json(one) for one in line.done],
        "months": [month_json(one) for one in line.months],
    }


def decided_json(done: Done) -> Json:
    """What a rule would have done to an arm."""
    return {
        "action": done.kind,
        "policy": done.policy,
        "plays": done.plays,
        "time": time_text(done.at),
    }


def month_json(month: Month) -> Json:
    """The shares of a month."""
    return {"month": month.month, "shares": dict(month.shares)}


def _row(line: RuleLine) -> tuple[str, str, str]:
    return line.rule, _estimate(line.beyond_champion), _estimate(line.beyond_done)


def _decided(done: Sequence[Done]) -> list[str]:
    told = [
        f"{_DID[one.kind]} {_suffix(one.policy)} {one.at:%Y-%m-%d} ({one.plays})" for one in done
    ]
    return told or ["promoted and retired nobody"]


def _wrapped(items: Sequence[str], indent: str) -> Iterator[str]:
    """The items in lines that none of them breaks."""
    whole = ", ".join(item.replace(" ", _TIE) for item in items)
    for line in wrap(whole, WIDTH, initial_indent=indent, subsequent_indent=indent):
        yield line.replace(_TIE, " ")


def _suffix(policy: str) -> str:
    """The end of a full name, which selects it everywhere."""
    return policy.rsplit("_", 1)[-1]


def _estimate(found: Estimate | Undefined) -> str:
    if isinstance(found, Undefined):
        return str(found)
    return f"{signed(found.value)}, {span(found.low, found.high)}"


def _unit(found: OtherRules) -> str:
    return "R" if found.unit == "R" else "% of an arm's capital"
