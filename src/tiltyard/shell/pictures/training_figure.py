"""The figure of a training: losses, equity, what was looked at, and drift, as a value.

Comes in: a snapshot and the drift of each month. Goes out: a plotly figure as plain data. Rows that
a snapshot has nothing for are not there. Days that no setting was chosen by are shaded; lines stand
between the folds.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.snapshot import Snapshot
from tiltyard.shell.pictures.figure import FLAG, NEUTRAL, PALETTE
from tiltyard.shell.training.drift_months import MonthDrift
from tiltyard.shell.training.words import TRADERS

Json = dict[str, Any]

ROW, GAP, TOP, BOTTOM = 300, 116, 72, 52
BUTTONS, LETTERS = 36, 17
"""Heights of the buttons, which are above the first title, and of its lines."""
KEYS = 34
"""Letters of keys on a line: more do not fit on a telephone."""
LINE = 22
"""Height of a feature in the heat map."""
LIMIT = 0.30
"""From which on the guard ``encoder_kl_divergence_high`` speaks, in nats."""
GRID = "rgba(128,128,128,0.22)"
SHADE = "rgba(128,128,128,0.14)"
COLOURS = dict(zip(TRADERS, (PALETTE[0], NEUTRAL, *PALETTE[1:4]), strict=True))
SEED = "rgba(0,114,178,0.35)"
"""Of each seed by itself, beside all together."""
SEQUENCE = [[0.0, "rgba(0,114,178,0.04)"], [1.0, "rgba(0,114,178,1)"]]


class Row:
    """One row of the figure: its traces, its axes, and what lies behind it.

    Args:
        title: Above it.
        height: Of the plot, in pixels.
        x: Its axis, as plotly has it.
        y: Likewise.
    """

    def __init__(self, title: str, height: int, x: Json, y: Json) -> None:
        self.title, self.height, self.x, self.y = title, height, x, y
        self.traces: list[Json] = []
        self.shapes: list[Json] = []


def training_figure(snapshot: Snapshot, drift: Sequence[MonthDrift]) -> Json:
    """All rows that the snapshot has something for.

    Args:
        snapshot: Of an encoder or a candidate.
        drift: By month, in the order of time.
    """
    made: list[Row | None] = [
        _encoder_losses(snapshot), _head_losses(snapshot), _worth(snapshot), _equity(snapshot),
        _masks(snapshot), _drift(drift),
    ]  # fmt: skip
    return composed([row for row in made if row is not None])


def composed(rows: Sequence[Row]) -> Json:
    """Rows below one another, each with axes of its own."""
    above = max(TOP, BUTTONS + LETTERS * (1 + rows[0].title.count("<br>"))) if rows else TOP
    inner = sum(row.height for row in rows) + GAP * max(0, len(rows) - 1)
    layout: Json = {
        "height": inner + above + BOTTOM,
        "margin": {"l": 56, "r": 16, "t": above, "b": BOTTOM},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": NEUTRAL},
        "hovermode": "closest", "hoverlabel": {"bgcolor": "#20242a", "font": {"color": "#ffffff"}},
        "showlegend": False,
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": NEUTRAL, "activecolor": "#56B4E9"},
        "annotations": [], "shapes": [],
    }  # fmt: skip
    data: list[Json] = []
    top = 1.0
    for number, row in zip(count(1), rows, strict=False):
        own = "" if number == 1 else str(number)
        bottom = top - row.height / inner
        domain = [max(0.0, bottom), top]
        layout[f"yaxis{own}"] = {
            "gridcolor": GRID, "zerolinecolor": NEUTRAL, "automargin": True, **row.y,
            "domain": domain, "anchor": f"x{own}",
        }  # fmt: skip
        layout[f"xaxis{own}"] = {
            "gridcolor": GRID, "automargin": True, **row.x, "domain": [0, 1], "anchor": f"y{own}",
        }  # fmt: skip
        layout["annotations"].append({
            "xref": "paper", "yref": "paper", "x": 0, "y": top, "xanchor": "left",
            "yanchor": "bottom", "yshift": 4, "showarrow": False, "align": "left",
            "font": {"size": 13}, "text": row.title,
        })  # fmt: skip
        data += [{**trace, "xaxis": f"x{own}", "yaxis": f"y{own}"} for trace in row.traces]
        layout["shapes"] += [
            {**shape, "xref": f"x{own}", "yref": f"y{own} domain"} for shape in row.shapes
        ]
        top = bottom - GAP / inner
    return {"data": data, "layout": layout}


def row_title(what: str, keys: Sequence[tuple[str, str]]) -> str:
    """What a row shows, and below it whose each colour is.

    Args:
        what: It shows.
        keys: Colours, empty for none, and words.
    """
    lines: list[list[str]] = [[]]
    room = KEYS
    for colour, words in keys:
        if len(words) + 3 > room and lines[-1]:
            lines.append([])
            room = KEYS
        room -= len(words) + 3
        lines[-1].append(f"<span style='color:{colour}'>━</span> {words}" if colour else words)
    return "<br>".join([f"<b>{what}</b>", *map("  ".join, lines)])


def _epochs(
    title: str,
    lines: Mapping[str, tuple[Sequence[float], str, str]],
    more: Sequence[tuple[str, str]] = (),
) -> Row:
    keys = [*((colour, name) for name, (_, colour, _) in lines.items()), *more]
    longest = max(len(losses) for losses, _, _ in lines.values())
    ends = {"range": [0.8, longest + 0.2]}  # else the dot of one epoch has a 0 beside it
    row = Row(row_title(title, keys), ROW, {"dtick": max(1, -(-longest // 8)), **ends}, {})
    row.traces = [
        {
            "type": "scatter", "mode": "lines+markers", "name": name,
            "x": list(range(1, len(losses) + 1)), "y": list(losses),
            "line": {"color": colour, "width": 2, "dash": dash}, "marker": {"size": 4},
            "hovertemplate": f"{name}<br>epoch %{{x}}: %{{y:.4f}}<extra></extra>",
        }
        for name, (losses, colour, dash) in lines.items()
    ]  # fmt: skip
    return row


def _encoder_losses(snapshot: Snapshot) -> Row | None:
    metrics = snapshot.metrics
    told = metrics.get("encoder", metrics)
    if not told.get("train"):
        return None
    return _epochs("Loss of the encoder, by epoch", {
        "trained on": (told["train"], PALETTE[0], "solid"),
        "not trained on": (told["valid"], PALETTE[1], "solid"),
    })  # fmt: skip


def _head_losses(snapshot: Snapshot) -> Row | None:
    tests = [test for test in _tests(snapshot) if "losses" in test]
    if not tests:
        return None
    lines: dict[str, tuple[Sequence[float], str, str]] = {}
    for number, test in enumerate(tests):
        colour = PALETTE[number % len(PALETTE)]
        lines[f"fold {number + 1}"] = (test["losses"]["valid"], colour, "solid")
    row = _epochs("Loss of each head, by epoch", lines, [("", "dotted: of what it learnt from")])
    for number, test in enumerate(tests):
        losses = test["losses"]["train"]
        row.traces.append({
            "type": "scatter", "mode": "lines", "x": list(range(1, len(losses) + 1)), "y": losses,
            "line": {"color": PALETTE[number % len(PALETTE)], "width": 1, "dash": "dot"},
            "hovertemplate": f"fold {number + 1}, trained on<br>epoch %{{x}}: %{{y:.4f}}"
            "<extra></extra>",
        })  # fmt: skip
    return row


def _worth(snapshot: Snapshot) -> Row | None:
    """What each network that serves was worth where its weights were chosen, as it learnt."""
    fits = snapshot.metrics.get("fits", ())
    if not fits:
        return None
    keys = [(PALETTE[n % len(PALETTE)], f"seed {fit['seed']}") for n, fit in enumerate(fits)]
    row = Row(
        row_title("Worth where weights are chosen, %", [
            *keys, ("", "●: kept"),
        ]),
        ROW, {"rangemode": "tozero"}, {"ticksuffix": " %"},
    )  # fmt: skip
    for (colour, name), fit in zip(keys, fits, strict=True):
        row.traces.append({
            "type": "scatter", "mode": "lines", "name": name, "x": fit["steps"],
            "y": [round(100 * one, 4) for one in fit["valid"]],
            "line": {"color": colour, "width": 1.5},
            "hovertemplate": f"{name}<br>step %{{x:,}}: %{{y:.2f}} %<extra></extra>",
        })  # fmt: skip
        best = fit["steps"].index(fit["best_step"])
        row.traces.append({
            "type": "scatter", "mode": "markers", "x": [fit["best_step"]],
            "y": [round(100 * fit["valid"][best], 4)], "marker": {"size": 8, "color": colour},
            "hoverinfo": "skip",
        })  # fmt: skip
    return row


def _equity(snapshot: Snapshot) -> Row | None:
    arrays = snapshot.arrays
    if "equity_days" not in arrays:
        return None
    there = {name: text for name, text in TRADERS.items() if f"equity_{name}" in arrays}
    seeds = sorted(name for name in arrays if name.startswith("equity_seed_"))
    keys = [
        *((COLOURS[name], text) for name, text in there.items()),
        *([(SEED, "each seed alone")] if seeds else []),
        ("", "shaded: held out, from 0 anew"),
    ]
    row = Row(
        row_title("Equity in tests, % of the capital", keys), 380,
        {"type": "date", "hoverformat": "%Y-%m-%d"}, {"ticksuffix": " %"},
    )  # fmt: skip
    for part in ("equity", "hold_out"):
        if f"{part}_days" not in arrays:
            continue
        days = [_day(one) for one in arrays[f"{part}_days"].tolist()]
        for seed in seeds:
            alone = arrays[seed.replace("equity", part, 1)]
            row.traces.append({
                "type": "scatter", "mode": "lines", "x": days,
                "y": (100 * alone).round(4).tolist(), "line": {"color": SEED, "width": 1},
                "hoverinfo": "skip",
            })  # fmt: skip
        for name, text in there.items():
            row.traces.append({
                "type": "scatter", "mode": "lines", "name": text, "x": days,
                "y": (100 * arrays[f"{part}_{name}"]).round(4).tolist(),
                "line": {"color": COLOURS[name], "width": 2 if name == "candidate" else 1.2},
                "hovertemplate": f"{text}: %{{y:.2f}} %<extra></extra>",
            })  # fmt: skip
    for test in _tests(snapshot)[1:]:
        at = _moment(test["since"])
        row.shapes.append({"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1,
                           "line": {"color": NEUTRAL, "width": 1, "dash": "dot"}})  # fmt: skip
    if (held_out := snapshot.metrics.get("hold_out")) is not None:
        row.shapes.append({
            "type": "rect", "x0": _moment(held_out["since"]), "x1": _moment(held_out["until"]),
            "y0": 0, "y1": 1, "fillcolor": SHADE, "line": {"width": 0}, "layer": "below",
        })  # fmt: skip
    return row


def _masks(snapshot: Snapshot) -> Row | None:
    tests = [test for test in _tests(snapshot) if test.get("masks")]
    if not tests:
        return None
    names = list(snapshot.metrics["inputs"])
    mean = [sum(test["masks"][at] for test in tests) for at in range(len(names))]
    order = sorted(range(len(names)), key=lambda at: mean[at])
    row = Row(
        row_title("What each head looked at", [("", "% of its attention, the most above")]),
        max(ROW, LINE * len(names)), {"type": "category", "showgrid": False},
        {"type": "category", "showgrid": False, "dtick": 1, "tickfont": {"size": 10}},
    )  # fmt: skip
    row.traces.append({
        "type": "heatmap", "colorscale": SEQUENCE, "zmin": 0, "showscale": False,
        "x": [f"fold {number + 1}" for number in range(len(tests))],
        "y": [names[at] for at in order],
        "z": [[round(100 * test["masks"][at], 2) for test in tests] for at in order],
        "xgap": 1, "ygap": 1, "hovertemplate": "%{y}, %{x}: %{z:.1f} %<extra></extra>",
    })  # fmt: skip
    return row


def _drift(drift: Sequence[MonthDrift]) -> Row | None:
    if not drift:
        return None
    row = Row(
        row_title("Drift of the encoder, nats", [
            (PALETTE[0], "90 days up to a month's end"), ("", "with 95 %"),
            (FLAG, f"limit {LIMIT:.2f}"), ("", "○ not known"),
        ]),
        ROW, {"type": "date", "hoverformat": "%Y-%m-%d"}, {"rangemode": "tozero"},
    )  # fmt: skip
    times = [time_text(one.until) for one in drift]
    told = [None if isinstance(one.reading, Undefined) else one.reading for one in drift]

    def column(of: Callable[[Any], float]) -> list[float | None]:
        return [None if one is None else round(of(one), 4) for one in told]

    row.traces = [
        {
            "type": "scatter", "mode": "lines+markers", "x": times,
            "y": column(lambda one: one.value), "connectgaps": False,
            "line": {"color": PALETTE[0], "width": 2}, "marker": {"size": 6},
            "error_y": {
                "type": "data", "symmetric": False, "thickness": 1, "width": 2,
                "array": column(lambda one: one.high - one.value),
                "arrayminus": column(lambda one: one.value - one.low),
            },
            "hovertemplate": "%{x}: %{y:.3f} nats<extra></extra>",
        },
        {
            "type": "scatter", "mode": "lines", "x": [times[0], times[-1]], "y": [LIMIT, LIMIT],
            "line": {"color": FLAG, "width": 1, "dash": "dash"}, "hoverinfo": "skip",
        },
    ]  # fmt: skip
    gaps = [
        (at, one.reading.reason)
        for at, one in zip(times, drift, strict=True)
        if isinstance(one.reading, Undefined)
    ]
    if gaps:
        row.traces.append({
            "type": "scatter", "mode": "markers", "x": [at for at, _ in gaps], "y": [0] * len(gaps),
            "marker": {"size": 8, "symbol": "circle-open", "color": NEUTRAL},
            "text": [why for _, why in gaps],
            "hovertemplate": "%{x}: not known<br>%{text}<extra></extra>",
        })  # fmt: skip
    return row


def _tests(snapshot: Snapshot) -> Sequence[Mapping[str, Any]]:
    walked = snapshot.metrics.get("walk_forward")
    return walked["folds"] if walked else ()


def _day(number: int) -> str:
    """A day in its evening: that is when its equity was known."""
    return f"{(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)):%Y-%m-%d}"


def _moment(at: int) -> str:
    return time_text(datetime.fromtimestamp(at, UTC))
