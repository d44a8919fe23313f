"""The figure of a page: equity, drawdown, PF-30 and traffic above one another, as a value.

Comes in: a recording and the guards whose bands are drawn. Goes out: a plotly figure as
plain data, for :mod:`tiltyard.shell.pictures.page` to render. The rows share one time axis. An arm
has one colour everywhere; where it traded live its line is solid, in the shadow dotted.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any

from tiltyard.checklist.guard import Guard
from tiltyard.facts.action import Action, Kind
from tiltyard.kernel.clock import time_text
from tiltyard.shell.history import OTHERS
from tiltyard.shell.replaying.recording import Path, Recording
from tiltyard.shell.report.text import number, share

Json = dict[str, Any]

PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00",
    "#8C6BB1", "#A6761D", "#66A61E", "#7F7F7F",
)  # fmt: skip
"""Okabe and Ito's colours without the two that vanish on white or black, and four more."""

SYMBOLS: Mapping[Kind, str] = {
    "register": "square",
    "admit": "diamond",
    "throttle": "triangle-down",
    "halt": "x",
    "resume": "triangle-up",
    "scale": "circle",
    "graduate": "star",
}
"""How an action is marked; others are only in the table."""

HEIGHT = 1150
MOST_PF = 5.0
ROWS = (("y", 0.76, 1.0), ("y2", 0.55, 0.71), ("y3", 0.30, 0.50), ("y4", 0.0, 0.235))
GRID_STEPS = 300
LANE = 7
FLAG = "#D03030"
BAND = "rgba(0,158,115,0.13)"
NEUTRAL = "#808890"


def colours(names: Sequence[str]) -> dict[str, str]:
    """One colour per arm, in order; after ten they begin again. The others are grey."""
    found = {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(names)}
    return {name: NEUTRAL if name == OTHERS else own for name, own in found.items()}


def figure(
    recording: Recording, colour: Mapping[str, str], drawdown: Guard | None, pf_30: Guard | None
) -> Json:
    """The four rows.

    Args:
        recording: At least one arm has a path.
        colour: By arm; its order is the order of the legend and of the stack.
        drawdown: What watches drawdown, for the flag line and the band.
        pf_30: What watches PF-30.
    """
    names = [name for name in colour if name in recording.paths]
    recording, since = _within_trades(recording)
    traffic = _traffic(recording, colour)
    curves = [trace for name in names for trace in _arm(name, recording.paths[name], colour[name])]
    fall = max((max(recording.paths[name].drawdown) for name in names), default=0.0)
    blind = sum(not _has_capital(recording.paths[name]) for name in names)
    layout = _layout(fall, drawdown, _lanes(recording, colour))
    if blind == len(names):
        layout["yaxis"]["range"] = [0.9, 1.1]
    unseen = f" · {blind} of {len(names)} arms not drawn: their capital is not known"
    remarks = {"y4": since, **(dict.fromkeys(("y", "y2"), unseen) if blind else {})}
    layout["shapes"] = [*_guard_shapes(drawdown, "y2"), *_guard_shapes(pf_30, "y3")]
    layout["annotations"] = [
        *(
            _title(text + remarks.get(row[0], ""), row)
            for text, row in zip(_TITLES, ROWS, strict=True)
        ),
        *_guard_labels(drawdown, "y2"),
        *_guard_labels(pf_30, "y3"),
    ]
    return {"data": [*curves, *traffic, *_marks(recording, colour)], "layout": layout}


_QUARTERS = (0, 25, 50, 75, 100)
_TITLES = (
    "<b>Equity</b>, NAV, 1 at the start · solid: live, dotted: shadow",
    "<b>Drawdown</b>, % below the peak of live and shadow",
    f"<b>PF-30</b>, profit factor of the last 30 trades, shown up to {MOST_PF:g}",
    "<b>Traffic</b>, % of all opportunities · above it, what was done to each arm",
)


def _within_trades(recording: Recording) -> tuple[Recording, str]:
    """The recording, without what lies behind its last trade altogether; and what to say of it."""
    closes = [time for path in recording.paths.values() for time in path.times]
    since = recording.traffic[0][0] if recording.traffic else None
    if since is None or since > max(closes):
        curves = Recording()
        curves.paths = recording.paths
        return curves, " · nothing was recorded while these trades were made"
    return recording, f" · recorded from {since:%Y-%m-%d}" if since > min(closes) else ""


def _arm(name: str, path: Path, colour: str) -> list[Json]:
    times = [time_text(time) for time in path.times]
    books = ["" if live else " (shadow)" for live in path.live]
    known = _has_capital(path)
    blank: list[float | None] = [None] * len(times)
    rows: list[tuple[str, Sequence[float | None], str]] = [
        ("y", path.equity if known else blank, ".4f"),
        ("y2", path.drawdown if known else blank, ".2f"),
        ("y3", path.pf_30, ".2f"),
    ]
    dotted = {"color": colour, "width": 1.4, "dash": "dot"}
    solid = {"color": colour, "width": 2.2}
    base = {"type": "scatter", "mode": "lines", "x": times, "name": escape(name, quote=False),
            "legendgroup": name, "showlegend": False}  # fmt: skip
    traces: list[Json] = []
    for axis, values, form in rows:
        hover = f"%{{y:{form}}}%{{customdata}}"
        traces.append({**base, "yaxis": axis, "y": list(values), "line": dotted, "opacity": 0.7,
                       "customdata": books, "hovertemplate": hover})  # fmt: skip
        traces.append({**base, "yaxis": axis, "y": _live(values, path.live), "hoverinfo": "skip",
                       "line": solid, "showlegend": axis == "y"})  # fmt: skip
    return traces


def _has_capital(path: Path) -> bool:
    """Without capital NAV never moves, which is not an equity of 1."""
    return any(value != 1.0 for value in path.equity)


def _live(values: Sequence[float | None], live: Sequence[bool]) -> list[float | None]:
    """The values a solid line goes through: live trades, and the point each comes from."""
    following = [*live[1:], False]
    return [
        value if here or after else None
        for value, here, after in zip(values, live, following, strict=True)
    ]


def _traffic(recording: Recording, colour: Mapping[str, str]) -> list[Json]:
    if not recording.traffic:
        return [{"x": [None], "y": [None], "yaxis": "y4", "showlegend": False}]
    steps = _steps(recording)
    times = [time_text(time) for time, _ in steps]
    traces: list[Json] = []
    for name, own in colour.items():
        shares = [100 * held.get(name, 0.0) for _, held in steps]
        if not any(shares):
            continue
        traces.append({
            "type": "scatter", "mode": "lines", "x": times, "y": shares, "yaxis": "y4",
            "name": escape(name, quote=False), "legendgroup": name, "stackgroup": "traffic",
            "showlegend": name not in recording.paths,
            "line": {"color": own, "width": 0.8, "shape": "hv"}, "fillcolor": f"{own}99",
            "hovertemplate": "%{y:.1f} %",
        })  # fmt: skip
    return traces


def _steps(recording: Recording) -> list[tuple[datetime, dict[str, float]]]:
    """Traffic at each change and, so that it can be read anywhere, at even distances."""
    begin = recording.traffic[0][0]
    lasts = [path.times[-1] for path in recording.paths.values() if path.times]
    end = max([recording.traffic[-1][0], *lasts, *(action.at for action in recording.actions)])
    pace = max((end - begin) / GRID_STEPS, timedelta(seconds=1))
    steps: list[tuple[datetime, dict[str, float]]] = []
    for index, (time, held) in enumerate(recording.traffic):
        last = index + 1 == len(recording.traffic)
        until = end if last else recording.traffic[index + 1][0]
        steps.append((time, held))
        steps += [(time + pace * step, held) for step in range(1, -((time - until) // pace))]
        if last and end > time:
            steps.append((end, held))
    return steps


def _lanes(recording: Recording, colour: Mapping[str, str]) -> dict[str, float]:
    """The height at which each arm's actions are marked, above the 100 % of traffic."""
    marked = {action.policy for action in recording.actions if action.kind in SYMBOLS}
    acted = [name for name in colour if name in marked]
    return {name: 100.0 + LANE * (1 + index) for index, name in enumerate(acted)}


def _marks(recording: Recording, colour: Mapping[str, str]) -> list[Json]:
    lanes = _lanes(recording, colour)
    traces: list[Json] = []
    for kind, symbol in SYMBOLS.items():
        done = [a for a in recording.actions if a.kind == kind and a.policy in lanes]
        if not done:
            continue
        base = {"type": "scatter", "mode": "markers", "yaxis": "y4", "name": kind,
                "legendgroup": kind, "legend": "legend2"}  # fmt: skip
        marker = {"symbol": symbol, "size": 9, "line": {"width": 0.7, "color": "#ffffff"}}
        traces.append({**base, "x": [None], "y": [None], "marker": {**marker, "color": NEUTRAL}})
        traces.append({
            **base, "showlegend": False, "x": [time_text(action.at) for action in done],
            "y": [lanes[action.policy] for action in done], "cliponaxis": False,
            "marker": {**marker, "color": [colour[action.policy] for action in done]},
            "text": [_hover(action) for action in done],
            "hovertemplate": "%{text}<extra></extra>",
        })  # fmt: skip
    return traces


def _hover(action: Action) -> str:
    parts = [f"<b>{action.kind}</b> {escape(action.policy, quote=False)}"]
    parts.append(escape(action.cause, quote=False))
    if action.value is not None and action.limit is not None:
        parts.append(f"{number(action.value)} against {number(action.limit)}")
    if action.before is not None and action.after is not None:
        parts.append(f"{share(action.before)} → {share(action.after)}")
    return " · ".join(parts)


def _flag(guard: Guard | None) -> float | None:
    return None if guard is None or guard.when.metric else guard.when.number


def _guard_shapes(guard: Guard | None, axis: str) -> list[Json]:
    shapes: list[Json] = []
    across = {"xref": "paper", "x0": 0, "x1": 1, "yref": axis, "layer": "below"}
    if guard is not None and guard.expected[0] is not None and guard.expected[1] is not None:
        low, high = guard.expected
        shapes.append({**across, "type": "rect", "y0": low, "y1": high, "fillcolor": BAND,
                       "line": {"width": 0}})  # fmt: skip
    limit = _flag(guard)
    if limit is not None:
        shapes.append({**across, "type": "line", "y0": limit, "y1": limit, "layer": "above",
                       "line": {"color": FLAG, "width": 1.5, "dash": "dash"}})  # fmt: skip
    return shapes


def _guard_labels(guard: Guard | None, axis: str) -> list[Json]:
    limit = _flag(guard)
    if guard is None or limit is None:
        return []
    band = f"<br>expected {guard.band()}" if guard.band() else ""
    return [{
        "xref": "paper", "x": 1.005, "xanchor": "left", "yref": axis, "y": limit,
        "showarrow": False, "align": "left", "font": {"size": 11},
        "text": f"<b>flag {escape(str(guard.when), quote=False)}</b>{band}",
    }]  # fmt: skip


def _title(text: str, row: tuple[str, float, float]) -> Json:
    return {"xref": "paper", "yref": "paper", "x": 0, "y": row[2], "xanchor": "left",
            "yanchor": "bottom", "yshift": 3, "showarrow": False, "text": text,
            "font": {"size": 13}}  # fmt: skip


def _layout(fall: float, drawdown: Guard | None, lanes: Mapping[str, float]) -> Json:
    deepest = 1.08 * max(fall, _flag(drawdown) or 0.0, 1.0)
    top = max([100.0, *lanes.values()]) + 4
    ranges: list[Json] = [
        {"automargin": True},
        {"range": [deepest, 0], "ticksuffix": " %"},
        {"range": [0, MOST_PF]},
        {"range": [0, top], "tickvals": _QUARTERS, "ticktext": [f"{at} %" for at in _QUARTERS]},
    ]
    axes = {
        f"yaxis{axis[1:]}": {
            "domain": [low, high], "zeroline": False, "gridcolor": "rgba(128,128,128,0.22)", **own,
        }
        for (axis, low, high), own in zip(ROWS, ranges, strict=True)
    }  # fmt: skip
    flat = {"orientation": "h", "x": 0, "xanchor": "left", "bgcolor": "rgba(0,0,0,0)"}
    return {
        **axes,
        "xaxis": {"type": "date", "anchor": "y4", "domain": [0, 1], "showspikes": True,
                  "spikemode": "across", "spikethickness": 1, "spikedash": "solid",
                  "spikecolor": "rgba(128,128,128,0.6)", "hoverformat": "%Y-%m-%d %H:%M UTC",
                  "gridcolor": "rgba(128,128,128,0.22)"},
        "height": HEIGHT, "margin": {"l": 64, "r": 120, "t": 100, "b": 74},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": NEUTRAL},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "#20242a", "font": {"color": "#ffffff"}, "namelength": -1},
        "legend": {**flat, "y": 1.035, "yanchor": "bottom"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": NEUTRAL, "activecolor": "#56B4E9"},
        "legend2": {**flat, "y": -0.035, "yanchor": "top"},
    }  # fmt: skip
