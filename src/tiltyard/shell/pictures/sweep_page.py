"""The page of a sweep: every trial, what it is worth, and which two are kept.

Comes in: what came of it, the time. Goes out: a file (:mod:`tiltyard.shell.pictures.file`). Each of
the two has a page of its own beside its snapshot.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from tiltyard.learners.study import Trial
from tiltyard.learners.sweep import Sweep
from tiltyard.shell.pictures.figure import FLAG, NEUTRAL, PALETTE
from tiltyard.shell.pictures.file import drawn, page_of, table, write_whole
from tiltyard.shell.pictures.training_figure import ROW, Row, composed, row_title
from tiltyard.shell.pictures.training_page import bars_section
from tiltyard.shell.training.bars import Bars
from tiltyard.shell.training.running import Made
from tiltyard.shell.training.sweep_words import STATES
from tiltyard.shell.training.words import funding_lines, judgement, per_day, trial_line

MARKS = {
    "complete": ("circle", PALETTE[0]),
    "pruned": ("circle-open", NEUTRAL),
    "failed": ("x", FLAG),
}
"""How a trial is drawn, by its state."""
BEST = PALETTE[1]
WORTH = (
    "<p class='quiet'>A trial is worth the lower end of the 90 % interval of what a day makes in "
    "walk-forward tests, after costs. The best of several tries may lie above 0 by luck alone, so "
    "what was held out, which chose nothing, is their only judge.</p>"
)


def write_sweep_page(
    path: Path, swept: Sweep, best: Sequence[Made], bars: Bars, now: datetime
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: Of the file; one that is there is replaced.
        swept: What came of the sweep.
        best: Its best, best first.
        bars: Of what.
        now: As of when, UTC.

    Raises:
        TiltyardError: ``PAGE_UNWRITABLE``.
    """
    write_whole(path, sweep_page(swept, best, bars, now))


def sweep_page(swept: Sweep, best: Sequence[Made], bars: Bars, now: datetime) -> str:
    """The page as text."""
    names = sorted({name for trial in swept.trials for name in trial.parameters})
    kept = {one.trial.number: one.path.name for one in swept.kept}
    heads = ("trial", "what became of it", "lower end a day", *names)
    partial = "<p class='breach'>Partial: the time was up before all trials were over.</p>"
    return page_of([
        "<h1>Tiltyard: settings were tried</h1>",
        f"<p class='quiet'>Seed {swept.seed}, as of {now:%Y-%m-%d %H:%M} UTC</p>",
        WORTH,
        *([partial] if swept.is_partial else []),
        *_best(best, bars),
        drawn(sweep_figure(swept)) if swept.trials else "<p>No trial is over.</p>",
        "<h2>Trials</h2>",
        table(heads, (_row(trial, names, kept) for trial in swept.trials)),
        *bars_section(bars),
    ])  # fmt: skip


def sweep_figure(swept: Sweep) -> dict[str, Any]:
    """What each trial is worth; a pruned one as far as it came, and the best with a star."""
    row = Row(
        row_title("What each trial is worth, % a day", [
            (PALETTE[0], "complete"), (BEST, "★ kept"), (NEUTRAL, "○ given up early"),
            (FLAG, "✕ failed"),
        ]),
        ROW, {"dtick": max(1, len(swept.trials) // 10), "zeroline": False}, {"ticksuffix": " %"},
    )  # fmt: skip
    kept = {one.trial.number for one in swept.kept}
    for trial in swept.trials:
        symbol, colour = MARKS[trial.state]
        if trial.number in kept:
            symbol, colour = "star", BEST
        reported = trial.reported[-1][1] if trial.reported else 0.0
        value = reported if trial.value is None else trial.value
        row.traces.append({
            "type": "scatter", "mode": "markers", "x": [trial.number],
            "y": [0.0 if trial.state == "failed" else round(100 * value, 5)],
            "marker": {"size": 11, "symbol": symbol, "color": colour},
            "text": [_hover(trial)], "hovertemplate": "%{text}<extra></extra>",
        })  # fmt: skip
    return composed([row])


def _hover(trial: Trial) -> str:
    parameters = (f"{name} {_number(value)}" for name, value in trial.parameters.items())
    worth = "" if trial.value is None else f": {per_day(trial.value)}"
    return "<br>".join([f"trial {trial.number}, {STATES[trial.state]}{worth}", *parameters])


def _best(best: Sequence[Made], bars: Bars) -> Iterable[str]:
    for place, made in enumerate(best, 1):
        yield f"<h2>{place}. {escape(made.path.name)}</h2>"
        for line in (*judgement(made.snapshot), *funding_lines(made.snapshot.metrics, bars)):
            yield f"<p>{escape(line)}</p>"
        yield f"<p><b>{escape(trial_line(made.snapshot, made.path.name))}</b></p>"


def _row(trial: Trial, names: Sequence[str], kept: dict[int, str]) -> Iterable[str]:
    became = f"kept: {kept[trial.number]}" if trial.number in kept else STATES[trial.state]
    if trial.reason:
        became += f": {trial.reason}"
    return (
        f"<td class='n'>{trial.number}</td>",
        f"<td{' class=breach' if trial.state == 'failed' else ''}>{escape(became)}</td>",
        f"<td class='n'>{'–' if trial.value is None else per_day(trial.value)}</td>",
        *(f"<td class='n'>{_number(trial.parameters.get(name, '–'))}</td>" for name in names),
    )


def _number(value: Any) -> str:  # noqa: ANN401 whatever was sampled
    return f"{value:.3g}" if isinstance(value, float) else escape(str(value))
