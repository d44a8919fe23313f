"""What a page says for each arm beside its trial: against the champion, its value, its chances.

Comes in: reports. Goes out: a section with a small table for each of the three; none where nothing
is known.
"""

from collections.abc import Iterator, Sequence
from html import escape

from tiltyard.metrics.unit import NAMES
from tiltyard.shell.pictures.file import table
from tiltyard.shell.prospects import LIVES
from tiltyard.shell.report.content import ArmReport
from tiltyard.shell.report.evidence import against_rows, value_rows, weights_text

Row = tuple[str, ...]


def evidence_sections(reports: Sequence[ArmReport]) -> Iterator[str]:
    """Those of the three in which something is known of an arm."""
    sections = (
        ("Against the champion, while both traded",
         ("policy", "trades", "a trade made more", "in"), _against(reports)),
        ("Value by propensity, had an arm been given every opportunity",
         ("policy", "estimate", "an opportunity", "in", "from"), _value(reports)),
        (f"Chances within 500 trades, by {LIVES} lives drawn from an arm's own trades",
         ("policy", "chance"), _chances(reports)),
    )  # fmt: skip
    for title, heads, found in sections:
        if rows := list(found):
            yield f"<h2>{title}</h2>{table(heads, rows)}"


def _against(reports: Sequence[ArmReport]) -> Iterator[Row]:
    for report in reports:
        lines = report.evidence.against
        for where, told in against_rows(lines):
            yield _row(report, where, told, NAMES[lines[0].unit])


def _value(reports: Sequence[ArmReport]) -> Iterator[Row]:
    for report in reports:
        if (value := report.evidence.value) is None:
            continue
        unit, weights = NAMES[report.evidence.value_unit], weights_text(value)
        for name, told in value_rows(value):
            yield *_row(report, name, told, unit), _sentence(weights)
            weights = ""


def _chances(reports: Sequence[ArmReport]) -> Iterator[Row]:
    for report in reports:
        if not report.prospects:
            continue
        from tiltyard.shell.report.chances import chances_of  # noqa: PLC0415 slow

        for prospect in report.prospects:
            for told in chances_of(prospect):
                yield *_row(report), _sentence(told)


def _row(report: ArmReport, *cells: str) -> Row:
    return tuple(f"<td class='n'>{escape(cell)}</td>" for cell in (report.arm.name, *cells))


def _sentence(told: str) -> str:
    """A cell that may have two lines where the page is narrow."""
    return f"<td>{escape(told)}</td>"
