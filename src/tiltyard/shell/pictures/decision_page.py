"""The picture of the decision benchmark: what a rule gains, against what it costs to find out.

Every rule is a point: to the right, how many real trades it gave to a challenger that was truly
bad; upwards, what the routed trades were truly worth beyond the first champion. The best place is
the upper left corner. A bar is two standard errors either way.
"""

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, isnan, log10
from pathlib import Path
from typing import Any

from tiltyard.scaling.benchmark import Score
from tiltyard.shell.decision_benchmark import Line
from tiltyard.shell.decision_table import circumstances, decisions_text
from tiltyard.shell.pictures.figure import NEUTRAL, PALETTE
from tiltyard.shell.pictures.file import drawn, page_of, write_whole
from tiltyard.simulation.scenario import PACES

Json = dict[str, Any]

LEAST_TRADES = 0.3
"""Where a rule that gave a bad challenger no trade at all is drawn, on an axis of powers of ten."""
MARGIN = 0.1
"""Beside the outermost, in powers of ten."""
WIDTHS = (0.0, 0.44), (0.56, 1.0)
EVIDENCE, ORACLE = "evidence", "oracle"


def write_decision_page(path: Path, lines: Sequence[Line], seed: int) -> None:
    """Write the picture and the table, whole or not at all.

    Raises:
        TiltyardError: ``PAGE_UNWRITABLE``.
    """
    title, *table = decisions_text(lines, seed)
    write_whole(
        path,
        page_of(
            [
                "<h1>Tiltyard: what a rule is worth</h1>",
                f"<p class='quiet'>{escape(title)}</p>",
                drawn(decision_figure(lines)),
                f"<div class='wide'><pre>{escape(chr(10).join(table))}</pre></div>",
            ]
        ),
    )


def decision_figure(lines: Sequence[Line]) -> Json:
    """The figure, as plain data for plotly: a panel for each pace.

    Args:
        lines: Those under the usual circumstances are drawn; where there are none, all.
    """
    usual = [line for line in lines if not circumstances(line.scenario)] or list(lines)
    names = list(dict.fromkeys(line.rule for line in usual))
    panels = enumerate(PACES, start=1)
    traces = [trace for number, pace in panels for trace in _panel(usual, names, pace, number)]
    return {"data": traces, "layout": _layout(usual)}


def _panel(lines: Sequence[Line], names: Sequence[str], pace: str, number: int) -> Iterator[Json]:
    axis = "" if number == 1 else str(number)
    for line in lines:
        if line.scenario.pace != pace:
            continue
        score, place = line.score, names.index(line.rule)
        trades = score.real_trades_per_bad
        if isnan(trades):
            continue
        low, x, high = _across(score)
        yield {
            "type": "scatter",
            "mode": "markers+text",
            "name": line.rule,
            "showlegend": False,
            "cliponaxis": False,
            "x": [x],
            "y": [score.uplift_pct],
            "error_x": _bar(high - x, x - low),
            "error_y": _bar(2 * score.uplift_se, 2 * score.uplift_se),
            "text": [line.rule.replace("_", " ")],
            "textposition": "top center" if place % 2 else "bottom center",
            "marker": {
                "size": 13 if line.rule == EVIDENCE else 9,
                "color": NEUTRAL if line.rule == ORACLE else PALETTE[place % len(PALETTE)],
                "symbol": "diamond" if line.rule == EVIDENCE else "circle",
            },
            "hovertemplate": f"{line.rule}<br>%{{y:+.1f}} % uplift<br>{trades:,.1f} real trades to "
            "a bad challenger<extra></extra>",
            "xaxis": f"x{axis}",
            "yaxis": f"y{axis}",
        }


def _across(score: Score) -> tuple[float, float, float]:
    """Where a rule is drawn from left to right, between the ends of its bar; all above 0."""
    trades = score.real_trades_per_bad
    if trades <= LEAST_TRADES:
        return LEAST_TRADES, LEAST_TRADES, LEAST_TRADES
    away = 2 * score.real_trades_se
    return max(trades - away, LEAST_TRADES), trades, trades + away


def _powers(lines: Sequence[Line]) -> list[float]:
    """The range of an axis of powers of ten: all bars are whole, and two powers are there."""
    bars = [_across(one.score) for one in lines if not isnan(one.score.real_trades_per_bad)]
    low = log10(min((bar[0] for bar in bars), default=1)) - MARGIN
    high = log10(max((bar[2] for bar in bars), default=10)) + MARGIN
    if floor(high) - ceil(low) < 1:
        low, high = floor(low) - MARGIN, ceil(high) + MARGIN
    return [low, high]


def _bar(up: float, down: float) -> Json:
    return {
        "type": "data", "symmetric": False, "array": [up], "arrayminus": [down], "thickness": 1.2,
        "width": 3, "color": NEUTRAL,
    }  # fmt: skip


def _layout(lines: Sequence[Line]) -> Json:
    layout: Json = {
        "height": 560,
        "margin": {"l": 60, "r": 60, "t": 40, "b": 60},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": NEUTRAL, "size": 12},
        "annotations": [],
    }
    for number, (pace, (left, right)) in enumerate(zip(PACES, WIDTHS, strict=True), start=1):
        axis = "" if number == 1 else str(number)
        layout[f"xaxis{axis}"] = {
            "type": "log", "domain": [left, right], "gridcolor": "rgba(128,136,144,0.25)",
            "title": {"text": "real trades given to a bad challenger"}, "anchor": f"y{axis}",
            "dtick": 1, "range": _powers([one for one in lines if one.scenario.pace == pace]),
        }  # fmt: skip
        layout[f"yaxis{axis}"] = {
            "anchor": f"x{axis}", "gridcolor": "rgba(128,136,144,0.25)", "zeroline": True,
            "zerolinecolor": NEUTRAL, "title": {"text": "uplift, %" if number == 1 else ""},
        }  # fmt: skip
        layout["annotations"].append(
            {
                "text": f"<b>{pace}</b>, {PACES[pace]} signals a day", "showarrow": False,
                "xref": "paper", "yref": "paper", "x": left, "y": 1.07, "xanchor": "left",
                "font": {"size": 14},
            }
        )  # fmt: skip
    return layout
