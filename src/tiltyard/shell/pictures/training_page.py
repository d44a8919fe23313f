"""The page of a training: what was made, of what, and what it would have made, for the eye.

Comes in: what was trained, its bars, drift by month, the time. Goes out: a file
(:mod:`tiltyard.shell.pictures.file`) that holds everything it needs.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from tiltyard.shell.pictures.file import drawn, page_of, table, write_whole
from tiltyard.shell.pictures.training_figure import training_figure
from tiltyard.shell.training.bars import KINDS, Bars
from tiltyard.shell.training.drift_months import MonthDrift
from tiltyard.shell.training.flaws import named_flaws
from tiltyard.shell.training.logged_words import logged_line
from tiltyard.shell.training.running import Made
from tiltyard.shell.training.words import (
    OF_THE_CAPITAL,
    RANGES,
    TRADERS,
    daily_text,
    drawdown_text,
    factor_text,
    funding_lines,
    is_parents,
    is_policy,
    judgement,
    traders,
    trial_line,
)

Json = Mapping[str, Any]


def write_training_page(
    path: Path, made: Made, bars: Bars, drift: Sequence[MonthDrift], now: datetime
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: Of the file; one that is there is replaced.
        made: What was trained.
        bars: Of what.
        drift: By month.
        now: As of when, UTC.

    Raises:
        TiltyardError: ``PAGE_UNWRITABLE``.
    """
    write_whole(path, training_page(made, bars, drift, now))


def training_page(made: Made, bars: Bars, drift: Sequence[MonthDrift], now: datetime) -> str:
    """The page as text."""
    snapshot = made.snapshot
    what = "a policy" if is_policy(snapshot) else "an encoder"
    return page_of([
        f"<h1>Tiltyard: {what} was trained</h1>",
        f"<p class='quiet'>{escape(made.path.name)}, as of {now:%Y-%m-%d %H:%M} UTC</p>",
        *_words(made, bars),
        *_results(snapshot.metrics, bars),
        drawn(training_figure(snapshot, drift)),
        *_folds(snapshot.metrics),
        *_seeds(snapshot.metrics),
        *bars_section(bars),
        "<h2>Where it comes from</h2>",
        table(("what", "which"), map(_pair, lineage_rows(made))),
        "<h2>Settings</h2>",
        "<details><summary>By which it was trained, and is built again</summary>",
        f"<div class='wide'><pre>{escape(json.dumps(snapshot.settings, indent=1))}</pre></div>",
        "</details>",
    ])  # fmt: skip


def _words(made: Made, bars: Bars) -> Iterator[str]:
    if made.is_partial:
        yield "<p class='breach'>Partial: the time was up before everything was learnt.</p>"
    if is_parents(made.snapshot):
        yield "<p>The encoder is its parent's: what it went on to learn was no better.</p>"
    if is_policy(made.snapshot):
        for line in (*judgement(made.snapshot), *funding_lines(made.snapshot.metrics, bars)):
            yield f"<p>{escape(line)}</p>"
        yield f"<p><b>{escape(trial_line(made.snapshot, made.path.name))}</b></p>"


def _results(metrics: Json, bars: Bars) -> Iterator[str]:
    heads = ("who", "a day, 90 % interval", "the candidate's lead a day, 90 % interval",
             "profit factor, 90 % interval", "in all", "drawdown", "in the market", "trades",
             *(["funding not known"] if bars.funding else []))  # fmt: skip
    for part, title in RANGES.items():
        if (told := metrics.get(part)) is None:
            continue
        yield f"<h2>{title}: {_span(told)}, {told['days']:,} days</h2>"
        yield table(
            heads, (_result(name, one)[: len(heads)] for name, one in traders(told).items())
        )
    if any(metrics.get(part) is not None for part in RANGES):
        yield f"<p class='quiet'>{OF_THE_CAPITAL}</p>"


def _result(name: str, told: Json) -> Sequence[str]:
    ahead = told.get("candidate_more_a_day")
    more = "" if ahead is None else daily_text({"daily_return": ahead})
    held = told.get("time_in_market")
    texts = (
        daily_text(told), more, factor_text(told), _percent(told["total_return"]),
        drawdown_text(told), "–" if held is None else _percent(held), f"{told['trades']:,}",
        f"{told['funding_unknown']:,}",
    )  # fmt: skip
    bold = "b" if name == "candidate" else "span"
    return (
        f"<td><{bold}>{TRADERS[name]}</{bold}></td>",
        *(f"<td class='n'>{escape(text)}</td>" for text in texts),
    )


def _folds(metrics: Json) -> Iterator[str]:
    if not metrics.get("walk_forward"):
        return
    epochs = ["best epoch"] if "losses" in metrics["walk_forward"]["folds"][0] else []
    heads = ("fold", "learnt until, UTC", "tested", "a day, 90 % interval",
             "profit factor, 90 % interval", "trades", *epochs)  # fmt: skip
    yield "<h2>Fold by fold</h2>"
    yield table(heads, map(_fold, enumerate(metrics["walk_forward"]["folds"], 1)))


def _fold(numbered: tuple[int, Json]) -> Iterable[str]:
    number, told = numbered
    losses = told.get("losses")
    best = [] if losses is None else [f"{losses['best_epoch']} of {len(losses['train'])}"]
    texts = (
        f"{number}", _at(told["train_until"]), _span(told), daily_text(told),
        factor_text(told), f"{told['trades']:,}", *best,
    )  # fmt: skip
    return (f"<td class='n'>{escape(text)}</td>" for text in texts)


def _seeds(metrics: Json) -> Iterator[str]:
    """Of several networks: each by itself, each symbol, and what all want."""
    heads = ("who", "a day, 90 % interval", "profit factor, 90 % interval", "drawdown", "trades",
             "wants nearly always")  # fmt: skip
    for part, title in RANGES.items():
        if not (told := metrics.get(part)) or "seeds" not in told:
            continue
        yield f"<h2>{title}: by seed, and by symbol</h2>"
        rows = [(f"seed {one['seed']}", one) for one in told["seeds"]]
        rows += [(f"all seeds, {name}", one) for name, one in told["symbols"].items()]
        yield table(heads, map(_seed, rows))
        wanted = ", ".join(f"{name} {_percent(one)}" for name, one in told["wanted"].items())
        yield f"<p>All seeds together want: {escape(wanted)} of the time.</p>"


def _seed(named: tuple[str, Json]) -> Iterable[str]:
    name, told = named
    texts = (
        name, daily_text(told), factor_text(told), drawdown_text(told), f"{told['trades']:,}",
        told.get("constant") or "–",
    )  # fmt: skip
    return (f"<td class='n'>{escape(text)}</td>" for text in texts)


def bars_section(bars: Bars) -> Iterator[str]:
    """What there was to learn from, and what of it was no price."""
    yield "<h2>Bars</h2>"
    yield (
        "<p class='quiet'>All that the files hold; those before what is learnt from warm features "
        "up, and those after it are not looked at.</p>"
    )
    heads = ("symbol", "bars", "from, UTC", "to", "funding", *KINDS.values())
    yield table(heads, (_bar_row(bars, symbol) for symbol in sorted(bars.flaws)))
    for symbol in sorted(bars.flaws):
        yield from (f"<p>{escape(symbol)} {escape(one)}</p>" for one in named_flaws(bars, symbol))


def _bar_row(bars: Bars, symbol: str) -> Iterable[str]:
    candles, counts = bars.candles.get(symbol), bars.flawed[symbol]
    first, last = ("–", "–") if candles is None else (
        _at(int(candles.opened_at[0])), _at(int(candles.closed_at[-1]))
    )  # fmt: skip
    texts = (
        f"{0 if candles is None else len(candles):,}", first, last,
        "known" if symbol in bars.funding else "not known",
        *(f"{counts[kind]:,}" if kind in counts else "–" for kind in KINDS),
    )  # fmt: skip
    return (f"<td>{escape(symbol)}</td>", *(f"<td class='n'>{text}</td>" for text in texts))


def lineage_rows(made: Made) -> list[tuple[str, str]]:
    """Where a snapshot comes from, for people."""
    lineage = made.snapshot.lineage
    data, line = lineage["data"], logged_line(lineage)
    return [
        ("SHA-256", made.snapshot.digest),
        ("learnt from", f"{_at(data['since'])} to {_at(data['until'])}"),
        *((f"bars of {name}", f"{count:,}") for name, count in data["bars"].items()),
        *(() if line is None else (("logged", line.removeprefix("logged: ")),)),
        ("parents", ", ".join(lineage["parents"]) or "none"),
        ("seeds", ", ".join(map(str, lineage["seeds"])))
        if "seeds" in lineage
        else ("seed", str(lineage["seed"])),
        ("version", str(lineage["code"])),
        ("device", str(lineage.get("device", "not told"))),
        ("threads", str(lineage.get("threads", "not told"))),
    ]


def _pair(pair: tuple[str, str]) -> Iterable[str]:
    name, value = pair
    return f"<td>{escape(name)}</td>", f"<td class='digest'>{escape(value)}</td>"


def _span(told: Json) -> str:
    return f"{_at(told['since'])} to {_at(told['until'])}"


def _at(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def _percent(number: float) -> str:
    return f"{100 * number:.2f} %"
