"""The figure of receipts: net worth over time and each action with its interval, as a value.

Comes in: receipts. Goes out: a plotly figure as plain data. Each unit has two rows of its own, on
one time axis. What was only observed is a hollow mark, and no part of the net worth; what has no
worth is in the table alone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from tiltyard.actions.receipt import Receipt, Word, Worth
from tiltyard.actions.statement import growth
from tiltyard.kernel.clock import time_text
from tiltyard.metrics.unit import NAMES, UNITS, Unit
from tiltyard.shell.pictures.figure import FLAG, NEUTRAL, PALETTE, SYMBOLS
from tiltyard.shell.receipts import Receipts
from tiltyard.shell.report.receipts import worth_text

Json = dict[str, Any]

COLOURS: Mapping[Word, str] = {
    "right": "#009E73",
    "false alarm": FLAG,
    "mistake": "#E69F00",
    "undecided": NEUTRAL,
}
"""Of the verdicts that have a worth."""
NET = PALETTE[0]
BAND = "rgba(0,114,178,0.16)"
ROW = 300
GAP, TOP, BOTTOM = 56, 84, 48
ABOVE = 24
"""So far the legend lies above the first title."""
_AXIS = {"zeroline": True, "zerolinecolor": NEUTRAL, "gridcolor": "rgba(128,128,128,0.22)"}


def receipts_figure(receipts: Receipts, now: datetime) -> Json | None:
    """The rows; None while no action has a worth.

    Args:
        receipts: As they stand.
        now: Until when the net worth is drawn, UTC.
    """
    units = [unit for unit in UNITS if any(_in(unit, one) for one in receipts.each)]
    if not units:
        return None
    data: list[Json] = []
    for index, unit in enumerate(units):
        above, below = (_axis(number) for number in _numbers(index))
        data += _net(receipts, unit, above, now)
        data += _points([one for one in receipts.each if _in(unit, one)], below)
    words = {one.word for one in receipts.each}
    legend = [_entry(word, colour) for word, colour in COLOURS.items() if word in words]
    return {"data": [*data, *legend], "layout": _layout(units)}


def _numbers(index: int) -> tuple[int, int]:
    """Of the two rows of a unit."""
    return 2 * index + 1, 2 * index + 2


def _axis(number: int) -> str:
    return "y" if number == 1 else f"y{number}"


def _in(unit: Unit, receipt: Receipt) -> bool:
    return isinstance(receipt.worth, Worth) and receipt.worth.unit == unit


def _net(receipts: Receipts, unit: Unit, axis: str, now: datetime) -> list[Json]:
    """The line, and its band."""
    steps = [(at, net) for at, net in growth(receipts.finals) if net.unit == unit]
    steps += [(now, net) for _, net in steps[-1:]]
    times = [time_text(at) for at, _ in steps]
    base = {"type": "scatter", "x": times, "yaxis": axis, "showlegend": False}
    edge = {"width": 0, "shape": "hv"}
    hover = "net %{y:+.2f}%{customdata}<extra></extra>"
    return [
        {**base, "name": "low", "mode": "lines", "y": [net.low for _, net in steps],
         "line": edge, "hoverinfo": "skip"},
        {**base, "name": "high", "mode": "lines", "y": [net.high for _, net in steps],
         "line": edge, "fill": "tonexty", "fillcolor": BAND, "hoverinfo": "skip"},
        {**base, "name": "net", "mode": "lines+markers", "y": [net.number for _, net in steps],
         "line": {"color": NET, "width": 2, "shape": "hv"}, "marker": {"size": 4, "color": NET},
         "customdata": [f" {unit}, {net.low:+.2f} … {net.high:+.2f}" for _, net in steps],
         "hovertemplate": hover},
    ]  # fmt: skip


def _points(receipts: Sequence[Receipt], axis: str) -> list[Json]:
    """A mark for each action: its form says what was done, its colour whether that was right."""
    traces = []
    for word, colour in COLOURS.items():
        mine = [
            (one, one.worth)
            for one in receipts
            if one.word == word and isinstance(one.worth, Worth)
        ]
        if not mine:
            continue
        traces.append({
            "type": "scatter", "mode": "markers", "name": word, "legendgroup": word, "yaxis": axis,
            "showlegend": False,
            "x": [time_text(one.movement.action.at) for one, _ in mine],
            "y": [worth.number for _, worth in mine],
            "error_y": {
                "type": "data", "symmetric": False, "color": colour, "thickness": 1.2, "width": 2,
                "array": [worth.high - worth.number for _, worth in mine],
                "arrayminus": [worth.number - worth.low for _, worth in mine],
            },
            "marker": {"size": 8, "color": colour, "symbol": [_symbol(one) for one, _ in mine]},
            "text": [_hover(one) for one, _ in mine],
            "hovertemplate": "%{text}<extra></extra>",
        })  # fmt: skip
    return traces


def _entry(word: Word, colour: str) -> Json:
    """What the legend shows of a verdict."""
    return {"type": "scatter", "mode": "markers", "name": word, "legendgroup": word, "x": [None],
            "y": [None], "marker": {"size": 9, "color": colour}}  # fmt: skip


def _symbol(receipt: Receipt) -> str:
    action = receipt.movement.action
    plain = SYMBOLS.get(action.kind, "circle")
    return f"{plain}-open" if action.mode == "observe" else plain


def _hover(receipt: Receipt) -> str:
    action = receipt.movement.action
    who = escape(receipt.movement.subject or "everybody", quote=False)
    return "<br>".join([
        f"<b>{action.kind}</b> {who}", escape(action.cause, quote=False), worth_text(receipt),
    ])  # fmt: skip


def _layout(units: Sequence[Unit]) -> Json:
    """One row below another, each with its title."""
    rows = 2 * len(units)
    inner = rows * ROW + (rows - 1) * GAP
    axes: Json = {}
    titles = []
    for index, unit in enumerate(units):
        words = ("<b>Net worth</b>", "<b>Each action</b>")
        for number, word in zip(_numbers(index), words, strict=True):
            top = 1 - (number - 1) * (ROW + GAP) / inner
            domain = [max(0.0, top - ROW / inner), top]
            suffix = "" if unit == "R" else " %"
            axes[f"yaxis{_axis(number)[1:]}"] = {
                **_AXIS, "domain": domain, "ticksuffix": suffix, "automargin": True,
            }  # fmt: skip
            titles.append({
                "xref": "paper", "yref": "paper", "x": 0, "y": top, "xanchor": "left",
                "yanchor": "bottom", "yshift": 3, "showarrow": False, "font": {"size": 13},
                "text": f"{word}, {NAMES[unit]}, and 95 %",
            })  # fmt: skip
    return {
        **axes,
        "xaxis": {"type": "date", "anchor": f"y{rows}", "domain": [0, 1],
                  "hoverformat": "%Y-%m-%d %H:%M UTC", "gridcolor": "rgba(128,128,128,0.22)"},
        "annotations": titles,
        "height": inner + TOP + BOTTOM, "margin": {"l": 48, "r": 16, "t": TOP, "b": BOTTOM},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": NEUTRAL},
        "hovermode": "closest", "hoverlabel": {"bgcolor": "#20242a", "font": {"color": "#ffffff"}},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1 + ABOVE / inner,
                   "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": NEUTRAL, "activecolor": "#56B4E9"},
    }  # fmt: skip
