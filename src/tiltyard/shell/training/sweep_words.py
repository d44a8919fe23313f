"""What came of a sweep, for people and as JSON: its trials, and the judgement of the best."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tiltyard.learners.study import Trial
from tiltyard.learners.sweep import Sweep
from tiltyard.shell.training.bars import Bars
from tiltyard.shell.training.running import Made
from tiltyard.shell.training.words import funding_lines, judgement, per_day, trial_line


def sweep_lines(
    swept: Sweep, best: Sequence[Made], bars: Bars, pages: Sequence[Path], page: Path
) -> list[str]:
    """What came of the trials, and of the best in what was held out.

    Args:
        swept: What came of it.
        best: Its best, best first.
        bars: Of what.
        pages: Of each of those.
        page: Of the sweep.
    """
    states = [trial.state for trial in swept.trials]
    counts = ", ".join(
        f"{states.count(state)} {word}" for state, word in STATES.items() if state in states
    )
    lines = [f"{len(states)} trials: {counts or 'none'}", f"  report: {page}"]
    if swept.is_partial:
        lines.append("  partial: the time was up; with more of it, the same command goes on")
    for place, (made, own, kept) in enumerate(zip(best, pages, swept.kept, strict=True), 1):
        lines += [
            "",
            f"{place}. {made.path.name}, trial {kept.trial.number}: {value_text(kept.trial)}",
            f"  report: {own}",
            *(f"  {line}" for line in judgement(made.snapshot)),
            *(f"  {line}" for line in funding_lines(made.snapshot.metrics, bars)),
            f"  {trial_line(made.snapshot, made.path.name)}",
        ]
    return lines


STATES = {"complete": "complete", "pruned": "given up early", "failed": "failed"}
"""Of trials, for people."""


def value_text(trial: Trial) -> str:
    """What a trial is worth: the end of an interval, by which trials are chosen."""
    if trial.value is None:
        return STATES[trial.state]
    return f"{per_day(trial.value)} a day at the lower end of its interval"


def sweep_json(
    swept: Sweep, best: Sequence[Made], pages: Sequence[Path], page: Path
) -> dict[str, Any]:
    """The same as JSON."""
    rows = [
        {"trial": kept.trial.number, "name": made.path.name, "sha256": made.snapshot.digest,
         "path": str(made.path), "report": str(own), "metrics": dict(made.snapshot.metrics)}
        for made, own, kept in zip(best, pages, swept.kept, strict=True)
    ]  # fmt: skip
    return {**swept.to_json(), "best": rows, "report": str(page)}
