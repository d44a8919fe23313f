"""What the dashboard shows, as plain data; Grafana is not known here.

>>> Panel("Losing trades in a row", "What to do.", (Query("up", "{{policy}}"),)).kind
'lines'
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["lines", "stacked", "number", "table", "states", "alerts"]
Colour = Literal["green", "yellow", "orange", "red", "purple", "blue", "text"]
FULL_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Step:
    """From this number on, a colour.

    Attributes:
        start: In the unit of the panel; None for everything below the next step.
        colour: Of the numbers from there on.
    """

    start: float | None
    colour: Colour


@dataclass(frozen=True, slots=True)
class Look:
    """How numbers, or words, are written.

    Attributes:
        unit: As Grafana calls it.
        steps: Colours by number, the lowest first; empty for none.
        words: What is written in place of a value, and in which colour.
        least: Where the axis begins; None for where the numbers do.
        most: Where it ends.
        decimals: After the point; None for as many as tell.
    """

    unit: str = "none"
    steps: tuple[Step, ...] = ()
    words: Mapping[str, tuple[str, Colour]] = field(default_factory=dict)
    least: float | None = None
    most: float | None = None
    decimals: int | None = None


PLAIN = Look()


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and what its answer is called.

    Attributes:
        expression: Of Prometheus.
        legend: A template such as ``{{policy}}``; in a table the heading of the column.
        look: Where it differs from that of the panel.
        column: In a table: the label whose text is shown; the number when empty.
        is_dashed: Of lines: what was meant, beside what came.
    """

    expression: str
    legend: str = ""
    look: Look | None = None
    column: str = ""
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        title: What it shows, so that people understand it.
        description: How to read it, and what to do.
        queries: Its expressions; none for a list of alerts.
        kind: How it is drawn.
        look: Of its numbers.
        width: Of the 24 columns of the grid.
        height: In lines of the grid.
    """

    title: str
    description: str
    queries: tuple[Query, ...] = ()
    kind: Kind = "lines"
    look: Look = PLAIN
    width: int = 12
    height: int = 8


@dataclass(frozen=True, slots=True)
class Row:
    """Panels below a heading, laid out from left to right.

    Attributes:
        title: The heading.
        panels: In reading order; those of one line are of one height.
    """

    title: str
    panels: Sequence[Panel]
