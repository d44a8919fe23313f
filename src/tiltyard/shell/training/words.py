"""What came of a training, for people and as JSON; honest where it is worth nothing.

Numbers are what the snapshot's metrics say, each with its interval of 90 %. A number that nobody
knows is said with why.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.examples import text_of
from tiltyard.learners.gate import Verdict
from tiltyard.learners.snapshot import Snapshot
from tiltyard.shell.models.shelf import SERVED
from tiltyard.shell.training.bars import Bars
from tiltyard.shell.training.drift_months import MonthDrift
from tiltyard.shell.training.logged_words import logged_line
from tiltyard.shell.training.order import Order
from tiltyard.shell.training.running import Made

Json = Mapping[str, Any]

TRADERS = {
    "candidate": "the candidate",
    "flat": "flat",
    "buy_and_hold": "buy and hold",
    "trend_20_100": "trend 20/100",
    "champion": "the champion",
}
OF_THE_CAPITAL = (
    "Percentages are of the capital at the beginning; a whole position has always the same size "
    "and nothing compounds, so more than all of it can be lost."
)
"""What percentages are of."""
BY_THE_GATE = {
    "passed": "put it on trial",
    "not passed": "by the gate not worth a trial; all the same",
    "undefined": "the gate says nothing for it; all the same",
}
"""What is advised by what the gate says."""
RANGES = {"walk_forward": "Walk-forward", "hold_out": "Held out"}


def closing_lines(made: Made, order: Order, bars: Bars, page: Path) -> list[str]:
    """What was made, where it is, what it is worth, and what to do with it."""
    snapshot, name = made.snapshot, made.path.name
    lines = [name, f"  in {made.path.parent}, SHA-256 {snapshot.digest}", f"  report: {page}"]
    if made.encoder is not None:
        lines.append(f"  its encoder by itself: {made.encoder}")
    if is_parents(snapshot):
        lines.append(
            "  its encoder is its parent's and drifts alike: what it went on to learn was no better"
        )
    if made.is_partial:
        lines.append(f"  partial: {_why_partial(snapshot, order)}")
    if not is_policy(snapshot):
        return [
            *lines,
            f"make a policy of it: tiltyard train tabnet --encoder {name} {order.same_bars}",
        ]
    for part, title in RANGES.items():
        if (told := snapshot.metrics.get(part)) is not None:
            lines += ["", *result_lines(title, told), *seed_lines(told)]
    lines += ["", OF_THE_CAPITAL]
    lines += ["", *judgement(snapshot), *funding_lines(snapshot.metrics, bars)]
    if (line := logged_line(snapshot.lineage)) is not None:
        lines.append(line)
    return [*lines, trial_line(snapshot, name)]


def _why_partial(snapshot: Snapshot, order: Order) -> str:
    if order.encoder is not None and snapshot.metrics["encoder"].get("partial"):
        return (
            f"the encoder that it was given, {order.encoder.name}, is; let the command that made "
            "that one go on first"
        )
    return "the time was up before everything was learnt; with more of it, the same command goes on"


def result_lines(title: str, told: Json) -> list[str]:
    """A range that was tested: the candidate, and what others made of it."""
    rows = [("", "a day", "profit factor", "drawdown", "trades")]
    rows += [
        (TRADERS[name], daily_text(one), factor_text(one), drawdown_text(one), f"{one['trades']:,}")
        for name, one in traders(told).items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    head = f"{title}, {text_of(told['since'])} to {text_of(told['until'])}, {told['days']:,} days:"
    return [head, *table]


def traders(told: Json) -> dict[str, Json]:
    """The candidate and the baselines of a range."""
    everybody = {"candidate": told, **told["baselines"]}
    return {name: everybody[name] for name in TRADERS if name in everybody}


def is_policy(snapshot: Snapshot) -> bool:
    """Whether it decides something by itself."""
    return snapshot.kind in SERVED


def seed_lines(told: Json) -> list[str]:
    """What each seed made by itself, of a policy that has several; and each symbol, of all."""
    seeds = [f"  seed {one['seed']}  {daily_text(one)}" for one in told.get("seeds", ())]
    symbols = [f"  {name}  {daily_text(one)}" for name, one in told.get("symbols", {}).items()]
    return [
        *(["  a day, by each seed alone:", *(f"  {line}" for line in seeds)] if seeds else []),
        *(
            ["  a day, by symbol, all seeds:", *(f"  {line}" for line in symbols)]
            if symbols
            else []
        ),
    ]


def gate_line(snapshot: Snapshot) -> str | None:
    """What the gate says; None for what it has not judged."""
    told = snapshot.metrics.get("gate")
    return None if told is None else f"gate: {Verdict.from_json(told).told}"


def champion_line(snapshot: Snapshot) -> str | None:
    """Whom the gate took for the champion, and whether that is a test; None without a gate."""
    if "gate" not in snapshot.metrics:
        return None
    champion = snapshot.lineage.get("champion")
    if champion is None:
        return "compared with no champion"
    if not champion.get("is_known", True):
        return f"nobody knows which days the champion, {champion['name']}, has learnt from"
    knows = champion["knows_until"]
    if knows is None or knows <= snapshot.metrics["walk_forward"]["since"]:
        return f"the champion is {champion['name']}"
    return (
        f"the champion, {champion['name']}, knows these days until {text_of(knows)}, so what it "
        "made of them until then is no test of it"
    )


def practice_line(snapshot: Snapshot) -> str | None:
    """How much networks have practised; None for what did not play."""
    metrics = snapshot.metrics
    if "fits" not in metrics:
        return None
    told = f"{metrics['networks']:,} networks met {metrics['steps']:,} steps"
    if not metrics["updates"]:
        warm_up = snapshot.settings["dqn"]["warm_up"]
        return f"{told}, and learnt nothing: the first {warm_up:,} of each fill its buffer"
    return f"{told}, and learnt by {metrics['updates']:,} updates"


def judgement(snapshot: Snapshot) -> list[str]:
    """Whether it is worth anything, in sentences for each range."""
    by_luck = {"walk_forward"} if _is_chosen(snapshot) else set()
    seen_until = snapshot.lineage.get("refreshes", {}).get("tested_until", 0)
    return [
        *filter(None, (gate_line(snapshot), champion_line(snapshot), practice_line(snapshot))),
        *(
            line
            for part, title in RANGES.items()
            if (told := snapshot.metrics.get(part)) is not None
            for line in _judged(title, told, seen_until, chose=part in by_luck)
        ),
    ]


def funding_lines(metrics: Json, bars: Bars) -> list[str]:
    """What nobody knows of funding, which is counted as 0; nothing where all of it is known."""
    if not bars.funding:
        return ["funding: not known, counted as 0"]
    return [
        f"{title}: funding not known for {told['funding_unknown']:,} of {told['trades']:,} trades, "
        "counted as 0"
        for part, title in RANGES.items()
        if (told := metrics.get(part)) is not None and told["funding_unknown"]
    ]


def trial_line(snapshot: Snapshot, name: str) -> str:
    """How it is put on trial, and whether anybody should by these numbers.

    What a sweep has kept was chosen by its walk-forward, so what was held out alone can speak for
    it; a loss in either speaks against it.
    """
    if (gate := snapshot.metrics.get("gate")) is not None:
        return f"{BY_THE_GATE[gate['state']]}: tiltyard policy register {name} --capital X"
    judges = {part: told for part in RANGES if (told := snapshot.metrics.get(part)) is not None}
    if _is_chosen(snapshot) and "hold_out" not in judges:
        advice = "nothing was held out that could speak for it; all the same"
    elif all(_gained(told) for told in judges.values()):
        basis = "by what was held out " if _is_chosen(snapshot) else ""
        advice = f"{basis}put it on trial"
    else:
        advice = "by these numbers not worth a trial; all the same"
    return f"{advice}: tiltyard policy register {name} --capital X"


def _is_chosen(snapshot: Snapshot) -> bool:
    """Whether a sweep has chosen its settings by days of its walk-forward."""
    study = snapshot.lineage.get("study")
    if study is None or "chose_until" not in study:
        return study is not None
    return bool(snapshot.metrics["walk_forward"]["since"] < study["chose_until"])


def is_parents(snapshot: Snapshot) -> bool:
    """Whether an encoder that went on learning has learnt nothing that was better."""
    told = snapshot.metrics.get("encoder", snapshot.metrics)
    return "before" in told and told["best_epoch"] == 0


def _gained(told: Json) -> bool:
    return float(told["daily_return"].get("value", 0.0)) > 0


def _judged(title: str, told: Json, seen_until: int, *, chose: bool) -> list[str]:
    lines = []
    if seen_until and told["since"] < seen_until:
        lines.append(
            f"{title}: the policy that it refreshes was tested until {text_of(seen_until)}, so "
            "only days after that are new."
        )
    if chose:
        lines.append(
            f"{title}: it was chosen from several tries by these very days, so a gain in them may "
            "be luck alone: go by what was held out."
        )
    if told.get("constant"):
        lines.append(f"{title}: it wants {told['constant']} nearly always, so it decides nothing.")
    daily = told["daily_return"]
    if "value" not in daily:
        return [*lines, f"{title}: nobody can say what it makes: {daily['reason']}."]
    if not told["trades"]:
        return [*lines, f"{title}: it never traded: no move that it expected was worth the costs."]
    low, high = (daily["interval"].get(end) for end in ("low", "high"))
    if daily["value"] <= 0:
        lines.append(
            f"{title}: it lost {per_day(-daily['value'])} a day: doing nothing was better."
        )
    elif low is None:
        lines.append(f"{title}: too little to tell it from luck: {daily['interval']['reason']}.")
    elif low <= 0 <= high:
        lines.append(f"{title}: not to be told from luck: its interval holds 0.")
    elif not chose:
        lines.append(f"{title}: it made more than nothing: its interval lies above 0.")
    return [*lines, *_ahead(title, told)]


def _ahead(title: str, told: Json) -> list[str]:
    """Who made more than it, and of whom that may be luck."""
    daily = told["daily_return"]
    surely: list[str] = []
    perhaps: list[str] = []
    for name, other in told["baselines"].items():
        if name == "flat" or other["daily_return"].get("value", 0.0) <= daily["value"]:
            continue
        lead = other["candidate_more_a_day"].get("interval", {})
        (surely if lead.get("high", 0.0) < 0 else perhaps).append(TRADERS[name])
    return [
        *([f"{title}: {_listed(surely)} made more."] if surely else []),
        *([f"{title}: {_listed(perhaps)} made more, which may be luck."] if perhaps else []),
    ]


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def daily_text(told: Json) -> str:
    """What a day makes, of the capital, with its interval."""
    daily = told["daily_return"]
    if "value" not in daily:
        return f"– {daily['reason']}"
    return f"{per_day(daily['value'])} ({_between(daily['interval'], per_day)})"


def factor_text(told: Json) -> str:
    """The profit factor with its interval."""
    factor = told["profit_factor"]
    if "value" not in factor:
        return f"– {factor['reason']}"
    return f"{factor['value']:.2f} ({_between(factor['interval'], '{:.2f}'.format)})"


def drawdown_text(told: Json) -> str:
    """The largest fall."""
    fall = told.get("max_drawdown")
    return "–" if fall is None else f"{fall:.1%}".replace("%", " %")


def per_day(number: float) -> str:
    """A fraction of the capital, in percent."""
    return f"{100 * number:.3f} %"


def _between(interval: Json, text: Any) -> str:  # noqa: ANN401 a way to write a number
    if "low" not in interval:
        return f"interval: {interval['reason']}"
    return f"{text(interval['low'])} … {text(interval['high'])}"


def made_json(made: Made, bars: Bars, drift: Sequence[MonthDrift], page: Path) -> dict[str, Any]:
    """The same as JSON."""
    snapshot = made.snapshot
    return {
        "kind": snapshot.kind,
        "name": made.path.name,
        "sha256": snapshot.digest,
        "path": str(made.path),
        "report": str(page),
        "encoder": None if made.encoder is None else str(made.encoder),
        "partial": made.is_partial,
        "encoder_is_parents": is_parents(snapshot),
        "left_out": bars.flawed,
        "drift": [drift_json(one) for one in drift],
        "metrics": dict(snapshot.metrics),
        "lineage": dict(snapshot.lineage),
    }


def drift_json(month: MonthDrift) -> dict[str, Any]:
    """A month's drift."""
    row: dict[str, Any] = {
        "until": time_text(month.until), "value": None, "low": None, "high": None, "reason": "",
    }  # fmt: skip
    if isinstance(month.reading, Undefined):
        return row | {"reason": month.reading.reason}
    return row | {name: getattr(month.reading, name) for name in ("value", "low", "high")}
