"""The table of the decision benchmark, for people and for programs."""

from collections.abc import Iterator, Sequence
from math import isnan
from textwrap import wrap
from typing import Any

from tiltyard.shell.decision_benchmark import Line
from tiltyard.simulation.scenario import PACES, Scenario

WIDE, NARROW = 100, 80
_WIDE = (26, 13, 11, 9, 13, 9, 7)
_NARROW = (24, 12, 10, 8, 11, 8, 7)
_PROMOTIONS = "promotions"
_HEADS = (
    ("", "uplift %", "5 % worst", "better", "trades per", "", ""),
    ("", "", "", "killed", "bad one", "wrong", "right"),
)
_MEANINGS = (
    (
        "Uplift: what the routed trades were truly worth beyond all of them given to the first "
        "champion."
    ),
    "Better killed: retired, throttled or halted within 150 live trades while truly better.",
    "Trades per bad one: real trades given to a challenger that is truly worse.",
)


def decisions_text(lines: Sequence[Line], seed: int, width: int = WIDE) -> Iterator[str]:
    """The table, none of its lines wider than 100 columns, or 80 where there are no more.

    Args:
        lines: At least one.
        seed: They were played with.
        width: So many columns there are.
    """
    widths, most = (_WIDE, WIDE) if width >= sum(_WIDE) else (_NARROW, NARROW)
    yield from wrap(
        f"The decision benchmark: {lines[0].score.runs:,} runs of 180 days each, seed {seed}. "
        "± is one standard error.", most,
    )  # fmt: skip
    for pace, signals in PACES.items():
        yield f"\n{pace}, {signals} signals a day"
        first, second = (_cells(heads, widths) for heads in _HEADS)
        yield f"{first[: -len(_PROMOTIONS)]}{_PROMOTIONS}"
        yield second
        for line in lines:
            if line.scenario.pace == pace:
                yield _cells(_row(line), widths)
    against = sum(line.score.against_limits for line in lines)
    yield f"\nReal trades routed against a hard limit: {against:,}."
    for meaning in _MEANINGS:
        yield from wrap(meaning, most)


def circumstances(scenario: Scenario) -> str:
    """What is not as usual, in a few words; empty where all is.

    >>> circumstances(Scenario(risk_pct=0.5))
    '.5 % risk'
    """
    usual = Scenario()
    words = []
    if scenario.risk_pct != usual.risk_pct:
        words.append(f"{scenario.risk_pct:g} % risk".removeprefix("0"))
    if scenario.dependence != usual.dependence:
        words.append(f"{scenario.dependence} dependence" if scenario.dependence != "iid" else "iid")
    if scenario.optimism != usual.optimism:
        words.append(f"paper +{scenario.optimism:.2f} R")
    if scenario.own_optimism:
        words.append(f"own ±{scenario.own_optimism:.1f} R")
    if scenario.population != usual.population:
        words.append(_POPULATIONS[scenario.population])
    return ", ".join(words)


_POPULATIONS = {
    "unrelated": "wins say nothing",
    "equal": "all equal",
    "slightly_worse": "all slightly worse",
}


def decisions_json(lines: Sequence[Line], seed: int) -> dict[str, Any]:
    """The same for programs. The field names are a contract."""
    return {
        "seed": seed,
        "runs": lines[0].score.runs,
        "rows": [_json(line) for line in lines],
    }


def _cells(cells: Sequence[str], widths: Sequence[int]) -> str:
    """A row: names to the left, numbers to the right."""
    name, *numbers = zip(cells, widths, strict=True)
    return f"{name[0]:<{name[1]}}" + "".join(f"{cell:>{width}}" for cell, width in numbers)


def _row(line: Line) -> Sequence[str]:
    score = line.score
    name = circumstances(line.scenario)
    first = f"  {line.rule}" if not name else f"    {name}"
    uplift = f"{_tenths(score.uplift_pct):+.1f} ± {score.uplift_se:.1f}"
    killed = "–" if isnan(score.better_killed_150) else f"{score.better_killed_150:.2f}"
    bad = "–" if isnan(score.real_trades_per_bad) else f"{score.real_trades_per_bad:,.1f}"
    return (
        first, uplift, f"{_tenths(score.p5_pct):+.1f}", killed, bad,
        f"{score.wrong_promotions:.2f}", f"{score.right_promotions:.2f}",
    )  # fmt: skip


def _tenths(number: float) -> float:
    """Rounded to one digit, and never minus nothing."""
    return round(number, 1) + 0.0


def _json(line: Line) -> dict[str, Any]:
    scenario, score = line.scenario, line.score
    return {
        "rule": line.rule,
        "pace": scenario.pace,
        "dependence": scenario.dependence,
        "risk_pct": scenario.risk_pct,
        "population": scenario.population,
        "optimism_r": scenario.optimism,
        "own_optimism_r": scenario.own_optimism,
        "uplift_pct": round(score.uplift_pct, 4),
        "uplift_se": round(score.uplift_se, 4),
        "p5_pct": round(score.p5_pct, 4),
        "better_killed_150": _known(score.better_killed_150),
        "better_killed_150_se": _known(score.better_killed_se),
        "better_halted": _known(score.better_halted),
        "real_trades_per_bad": _known(score.real_trades_per_bad),
        "real_trades_per_bad_se": _known(score.real_trades_se),
        "r_lost_per_bad": _known(score.r_lost_per_bad),
        "wrong_promotions": round(score.wrong_promotions, 4),
        "wrong_promotions_se": round(score.wrong_promotions_se, 4),
        "right_promotions": round(score.right_promotions, 4),
        "against_limits": score.against_limits,
    }


def _known(number: float) -> float | None:
    """A number, or None where there was nothing to count."""
    return None if isnan(number) else round(number, 4)
