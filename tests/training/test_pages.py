"""What came of a training, in words, as JSON and as a page; honest where it is worth nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from browsers import dom, outside_scripts
from docs.pages import rows
from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.drift import Drift
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.snapshot_folder import load
from tiltyard.learners.study import Trial
from tiltyard.learners.sweep import Kept, Sweep
from tiltyard.market.costs import FundingRates
from tiltyard.market.implausible import Leap
from tiltyard.shell.drift.measuring import measure
from tiltyard.shell.drift.task import Task
from tiltyard.shell.pictures.sweep_page import write_sweep_page
from tiltyard.shell.pictures.training_figure import training_figure
from tiltyard.shell.pictures.training_page import training_page, write_training_page
from tiltyard.shell.sections.drift import DriftSettings
from tiltyard.shell.training.bars import Bars, read_bars
from tiltyard.shell.training.drift_months import MonthDrift, drift_months
from tiltyard.shell.training.running import Made, market_of
from tiltyard.shell.training.sweep_words import sweep_json, sweep_lines
from tiltyard.shell.training.words import (
    closing_lines,
    funding_lines,
    judgement,
    made_json,
    trial_line,
)
from training.small import order

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)
SAME_BARS = "--data bars --symbols SOL"
ORDER = replace(order("tabnet", Path()), same_bars=SAME_BARS)
DRIFT = [
    MonthDrift(datetime(2025, month, 1, tzinfo=UTC), reading)
    for month, reading in (
        (3, Drift(0.1, -0.2, 0.4, 90, "dimension 1: mean +0.4", 500)),
        (4, Undefined("warming", "40 of 64 windows")),
        (5, Drift(0.9, 0.5, 1.2, 90, "dimension 2: spread ×1.2", 500)),
    )
]
SWEPT = Sweep(
    1,
    [
        Trial(0, "complete", 0.0002, {"head.steps": 3, "head.rate": 0.01}, [(1, 0.0001)]),
        Trial(1, "pruned", None, {"head.steps": 2, "head.rate": 0.02}, [(1, -0.004)]),
        Trial(2, "failed", None, {"head.steps": 4, "head.rate": 0.03}, (), "no <memory>"),
        Trial(3, "complete", -0.0001, {"head.steps": 4, "head.rate": 0.005}),
    ],
    [],
    is_partial=False,
)


@pytest.fixture(scope="module")
def bars(folder: Path) -> Bars:
    """Those that it was trained on."""
    return read_bars(folder / "bars", ["SOL"], None, None, None)


def test_a_browser_draws_all_there_is_to_a_policy(policy: Made, bars: Bars, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    write_training_page(file, policy, bars, DRIFT, NOW)
    seen = dom(file, tmp_path / "profile")
    for words in (
        "Loss of the encoder", "Loss of each head", "Equity in tests", "shaded: held out",
        "What each head looked at", "volume_ratio_24", "embedding_0", "Drift of the encoder",
        "○ not known", "the candidate", "buy and hold", "trend 20/100", policy.snapshot.digest,
        "Walk-forward:", "Held out:", "Fold by fold",
        trial_line(policy.snapshot, policy.path.name),
    ):  # fmt: skip
        assert words in seen, words
    assert "heatmaplayer" in seen
    assert "://" not in outside_scripts(file.read_text("utf-8")), "it loads nothing"


def test_the_page_of_an_encoder_has_its_losses_and_its_drift_alone(
    policy: Made, bars: Bars
) -> None:
    assert policy.encoder is not None
    encoder = Made(load(policy.encoder), policy.encoder, is_partial=True)
    drawn = training_figure(encoder.snapshot, DRIFT)
    titles = [one["text"] for one in drawn["layout"]["annotations"]]
    assert len(titles) == 2
    text = training_page(encoder, bars, DRIFT, NOW)
    assert "an encoder was trained" in text
    assert "Partial" in text
    assert "Fold by fold" not in text


def test_what_no_market_does_is_on_the_page_with_what_to_do(policy: Made, bars: Bars) -> None:
    leaps = {"SOL/USDT": [Leap("SOL/USDT", NOW, 150.0, 1.5)]}
    text = training_page(policy, replace(bars, leaps=leaps), DRIFT, NOW)
    assert "<p>SOL/USDT 2025-07-07T12:00:00Z leaps and stays: the close goes from 150 to" in text
    assert "leaping away and back" in text
    assert "leaps and stays" not in training_page(policy, bars, DRIFT, NOW)


def test_months_that_nobody_knows_are_gaps_with_their_reason(policy: Made) -> None:
    traces = training_figure(policy.snapshot, DRIFT)["data"]
    line = next(one for one in traces if "nats" in one.get("hovertemplate", ""))
    assert line["y"] == [0.1, None, 0.9]
    gaps = next(one for one in traces if "not known" in one.get("hovertemplate", ""))
    assert gaps["text"] == ["40 of 64 windows"]


def test_every_month_after_the_baseline_is_looked_at(
    folder: Path, policy: Made, bars: Bars
) -> None:
    found = drift_months(policy.snapshot, market_of(order("tabnet", folder), bars))
    assert [one.until for one in found] == [
        datetime(2025, 2, 1, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC),
        datetime(2025, 3, 12, tzinfo=UTC),
    ]  # fmt: skip


def test_the_last_month_reads_what_a_desk_would_read_then(
    folder: Path, policy: Made, bars: Bars
) -> None:
    last = drift_months(policy.snapshot, market_of(order("tabnet", folder), bars))[-1]
    span, models = DriftSettings().current_span, policy.path.parent
    found = measure(Task(policy.path.name, "", models, folder / "bars", span, last.until))
    assert isinstance(last.reading, Drift)
    assert (found.as_of, found.windows) == (last.until, last.reading.windows)
    assert (found.value, found.low, found.high) == last.reading[:3]


def told(value: float, low: float, high: float, **more: Any) -> dict[str, Any]:  # noqa: ANN401 fields by name
    daily = {"value": value, "samples": 100, "interval": {"low": low, "high": high}}
    lead = {"value": value - 0.0005, "interval": {"low": -1.0, "high": high - 0.0005}}
    other = {"daily_return": {"value": 0.0005}, "trades": 9, "candidate_more_a_day": lead}
    beside = {"flat": {"daily_return": {"value": 0.0}}, "buy_and_hold": other,
              "trend_20_100": {"daily_return": {"value": -1.0}}}  # fmt: skip
    return {"walk_forward": {"daily_return": daily, "trades": 40, "constant": None,
                             "baselines": beside, **more}}  # fmt: skip


def made_with(metrics: dict[str, Any], **lineage: Any) -> Snapshot:  # noqa: ANN401 fields by name
    return Snapshot("tabnet", {}, {}, {}, {}, lineage, metrics)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (told(-0.001, -0.002, 0.001), "it lost 0.100 % a day: doing nothing was better"),
        (told(0.0002, -0.001, 0.002), "not to be told from luck: its interval holds 0"),
        (told(0.0002, -0.001, 0.002), "buy and hold made more, which may be luck."),
        (told(-0.001, -0.002, 0.0), "buy and hold made more."),
        (told(0.002, 0.001, 0.003), "it made more than nothing: its interval lies above 0"),
        (told(0.0, 0.0, 0.0, trades=0), "it never traded"),
        (told(0.001, -1, 1, constant="long"), "it wants long nearly always, so it decides nothing"),
        (
            {
                "walk_forward": {
                    "daily_return": {"undefined": "warming", "reason": "no day is over"}
                }
            },
            "nobody can say what it makes: no day is over",
        ),
    ],
)
def test_what_it_is_worth_is_said_as_it_is(metrics: dict[str, Any], said: str) -> None:
    assert said in " ".join(judgement(made_with(metrics)))


def test_all_who_made_more_are_named_in_one_sentence() -> None:
    metrics = told(0.0002, -0.001, 0.002)
    others = metrics["walk_forward"]["baselines"]
    others |= dict.fromkeys(("trend_20_100", "champion"), others["buy_and_hold"])
    said = "Walk-forward: buy and hold, trend 20/100 and the champion made more, which may be luck."
    assert said in judgement(made_with(metrics))


def test_who_loses_is_never_said_to_win() -> None:
    def said(value: float, low: float = -0.01) -> str:
        return " ".join(judgement(made_with(told(value, low, 0.01))))

    for value in (-0.001, 0.0, 0.0002):
        assert "made more than nothing" not in said(value)
    assert "made more" not in said(0.002, 0.001).replace("made more than nothing", "")


def line(walk_forward: float, held_out: float | None, **lineage: Any) -> str:  # noqa: ANN401
    metrics = told(walk_forward, -1, 1)
    if held_out is not None:
        metrics["hold_out"] = told(held_out, -1, 1)["walk_forward"]
    return trial_line(made_with(metrics, **lineage), "a")


def test_a_trial_is_advised_where_no_range_speaks_against_it() -> None:
    assert line(0.001, None) == "put it on trial: tiltyard policy register a --capital X"
    assert line(0.001, 0.001) == "put it on trial: tiltyard policy register a --capital X"
    for losses in ((-0.001, None), (-0.001, 0.001), (0.001, -0.001), (0.001, 0.0)):
        assert line(*losses).startswith("by these numbers not worth a trial"), losses


def test_what_was_held_out_alone_speaks_for_the_best_of_a_sweep() -> None:
    study = {"study": {"trial": 3}}
    best = made_with(told(0.002, 0.001, 0.003), **study)
    (said,) = judgement(best)
    assert "by these very days" in said
    assert "go by what was held out" in said
    assert line(0.002, -0.001, **study).startswith("by these numbers not worth a trial")
    assert line(0.002, 0.001, **study).startswith("by what was held out put it on trial")
    assert line(-0.002, 0.001, **study).startswith("by these numbers not worth a trial")
    assert line(0.002, None, **study).startswith("nothing was held out")


def test_the_last_words_say_where_it_is_and_what_to_do_with_it(policy: Made, bars: Bars) -> None:
    lines = closing_lines(policy, ORDER, bars, Path("page.html"))
    assert lines[0] == policy.path.name
    assert f"SHA-256 {policy.snapshot.digest}" in lines[1]
    assert lines[-1] == trial_line(policy.snapshot, policy.path.name)
    assert any(line.split()[0] == "flat" for line in lines if line)
    partial = "\n".join(
        closing_lines(replace(policy, is_partial=True), ORDER, bars, Path("page.html"))
    )
    assert "partial: the time was up" in partial
    assert policy.encoder is not None
    encoder = closing_lines(
        Made(load(policy.encoder), policy.encoder, is_partial=False), ORDER, bars, Path("page.html")
    )
    assert encoder[-1] == (
        f"make a policy of it: tiltyard train tabnet --encoder {policy.encoder.name} {SAME_BARS}"
    )


def test_a_policy_by_a_partial_encoder_says_whose_time_was_up(policy: Made, bars: Bars) -> None:
    metrics = dict(policy.snapshot.metrics)
    metrics["encoder"] = {**metrics["encoder"], "partial": True}
    partial = replace(policy, snapshot=replace(policy.snapshot, metrics=metrics), is_partial=True)
    given = replace(ORDER, encoder=Path("models/timesnet_1"))
    own, others = (
        "\n".join(closing_lines(partial, one, bars, Path("page.html"))) for one in (ORDER, given)
    )
    assert "partial: the time was up" in own
    assert "partial: the encoder that it was given, timesnet_1, is; let the command" in others


def test_days_that_were_looked_at_before_a_refresh_are_not_new() -> None:
    metrics = told(0.002, 0.001, 0.003, since=1_735_689_600, until=1_743_465_600)
    seen = judgement(made_with(metrics, refreshes={"tested_until": 1_739_923_200}))
    assert seen[0] == (
        "Walk-forward: the policy that it refreshes was tested until 2025-02-19T00:00:00Z, so "
        "only days after that are new."
    )
    assert judgement(made_with(metrics, refreshes={"tested_until": 1_735_689_600})) == seen[1:]


def test_funding_that_nobody_knows_is_said_once_and_the_same_everywhere(
    policy: Made, bars: Bars
) -> None:
    said = "funding: not known, counted as 0"
    assert not bars.funding
    assert closing_lines(policy, ORDER, bars, Path("page.html")).count(said) == 1
    text = training_page(policy, bars, DRIFT, NOW)
    assert text.count(said) == 1
    assert "<th>funding not known</th>" not in text, "a 0 would say that all of it is known"

    rated = replace(bars, funding={"SOL/USDT": FundingRates([(NOW, 1e-4)])})
    assert funding_lines(told(0.001, -1, 1, funding_unknown=0), rated) == []
    assert "<th>funding not known</th>" in training_page(policy, rated, DRIFT, NOW)
    metrics = told(0.001, -1, 1, funding_unknown=3)
    assert funding_lines(metrics, rated) == [
        "Walk-forward: funding not known for 3 of 40 trades, counted as 0"
    ]


def test_every_json_field_has_a_row(policy: Made, bars: Bars) -> None:
    row = made_json(policy, bars, DRIFT, Path("page.html"))
    assert json.loads(json.dumps(row, allow_nan=False)) == json.loads(json.dumps(row))
    assert set(rows("json.md", "## What was trained")) == set(row)
    assert set(rows("json.md", "## Drift of a month")) == set(row["drift"][0])
    assert [one["reason"] for one in row["drift"]] == ["", "40 of 64 windows", ""]
    swept = SWEPT._replace(
        kept=[Kept(SWEPT.trials[0], policy.snapshot.digest, policy.path, policy.path)]
    )
    page = Path("sweep.html")
    whole = sweep_json(swept, [policy], [Path("page.html")], page)
    assert set(rows("json.md", "## A sweep")) == set(whole)
    assert set(rows("json.md", "## A trial")) == set(whole["trials"][0])
    assert set(rows("json.md", "## One of the best")) == set(whole["best"][0])


def test_a_sweep_shows_every_trial_and_marks_the_best(
    policy: Made, bars: Bars, tmp_path: Path
) -> None:
    kept = [Kept(SWEPT.trials[number], "", policy.path, policy.path) for number in (0, 3)]
    swept, file = SWEPT._replace(kept=kept), tmp_path / "sweep.html"
    write_sweep_page(file, swept, [policy, policy], bars, NOW)
    seen = dom(file, tmp_path / "profile")
    assert seen.count(f"kept: {policy.path.name}") == 2
    assert seen.count(trial_line(policy.snapshot, policy.path.name)) == 2
    assert "given up early" in seen
    assert "failed: no &lt;memory&gt;" in seen
    lines = sweep_lines(swept, [policy, policy], bars, [file, file], file)
    assert lines[0] == "4 trials: 2 complete, 1 given up early, 1 failed"
    assert sum("policy register" in line for line in lines) == 2
