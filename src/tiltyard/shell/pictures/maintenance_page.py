"""The page of a run of the maintenance: its tasks, what was made, and what went wrong.

Comes in: the report (:mod:`tiltyard.shell.maintenance.report`). Goes out: one HTML file for the
eye, with everything that it needs.
"""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from tiltyard.shell.maintenance.report import WORDS, Part, Report
from tiltyard.shell.maintenance.worth import (
    RANGES,
    daily_text,
    days_text,
    factor_text,
    gate_text,
)
from tiltyard.shell.pictures.file import page_of, table, warned

Json = Mapping[str, Any]

LOOKS = {"done": "", "failed": " class='breach'", "skipped": " class='unknown'"}
"""How a state is shown."""
INDENT = 1.2
"""Widths of a letter for each step that a line is set in."""


def maintenance_page(report: Report) -> str:
    """The page as text."""
    return page_of([
        f"<h1>Tiltyard: maintenance of {report.day}</h1>",
        f"<p class='quiet'>{escape(report.span)}</p>",
        f"<p>{escape(report.verdict.capitalize())}.</p>",
        *_faults(report),
        "<h2>Tasks</h2>",
        table(("task", "outcome", "began, UTC", "took", "in short"),
              map(_task, report.parts)),
        *_made(report),
        *(line for part in report.parts for line in _said(part)),
    ])  # fmt: skip


def _faults(report: Report) -> Iterator[str]:
    faults = [f"{part.title}: {fault}" for part, fault in report.faults]
    if faults:
        yield "<h2>What went wrong, and what to do</h2>"
        yield from warned(faults)


def _task(part: Part) -> Iterable[str]:
    began = "–" if part.began_at is None else f"{part.began_at:%Y-%m-%d %H:%M}"
    return (
        f"<td>{escape(part.title)}</td>",
        f"<td{LOOKS[part.state]}>{WORDS[part.state]}</td>",
        f"<td class='n'>{began}</td>",
        f"<td class='n'>{part.took or '–'}</td>",
        f"<td class='digest'>{escape(part.lines[0]) if part.lines else '–'}</td>",
    )


def _made(report: Report) -> Iterator[str]:
    """Every policy that was made, with what it is worth; none where none was."""
    made = [(part, one) for part in report.parts for one in _policies(part.told)]
    if made:
        yield "<h2>Policies that were made</h2>"
        heads = ("policy", "made by", *RANGES.values(), "gate", "on trial")
        yield table(heads, (_policy(part, told) for part, told in made))


def _policies(told: Json) -> Iterator[Json]:
    """What a task tells of policies that it has made, be it one or several."""
    for one in (told, *told.get("best", ()), *told.get("refreshed", ())):
        if "worth" in one:
            yield one


def _policy(part: Part, told: Json) -> Iterable[str]:
    gate, registered = told.get("gate"), told.get("registered") or "no"
    partial = "<br><span class='breach'>partial</span>" if told.get("partial") else ""
    return (
        f"<td class='n'>{escape(told['policy'])}{partial}</td>",
        f"<td>{escape(part.title)}</td>",
        *(f"<td>{_worth(told['worth'].get(name))}</td>" for name in RANGES),
        f"<td>{'–' if gate is None else escape(gate_text(gate))}</td>",
        f"<td>{escape(registered.removeprefix(told['policy'] + ': '))}</td>",
    )


def _worth(told: Json | None) -> str:
    """What a policy made of a range: a day, its profit factor, and of how many trades."""
    if told is None:
        return "–"
    said = (daily_text(told["daily_return"]), factor_text(told))
    return "<br>".join([*map(escape, said), f"<span class='quiet n'>{days_text(told)}</span>"])


def _said(part: Part) -> Iterator[str]:
    """All that a task says, as it says it."""
    if not part.lines:
        return
    yield f"<h2>{escape(part.title)}</h2>"
    for line in part.lines:
        text = line.lstrip(" ")
        deep = (len(line) - len(text)) * INDENT / 2
        yield f"<p class='digest' style='margin: 2px 0 2px {deep:g}em'>{escape(text)}</p>"
