"""What /metrics promises of every family, and what the desk's own numbers are in it."""

import json
import math
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from prometheus_client.metrics_core import Metric

from exporter.shown import SECOND, Shown, append, eventful, shown
from live_desks import DAY, MINUTE, NOON, SETTINGS, asked, audited, desk_on, fall, put
from programs import check
from records import BOT, CHAMPION, ledger_of, trade
from tiltyard.actions.record import acted
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.checklist.guard_state import GUARD_STATES
from tiltyard.facts.action import PERSON, Action
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.kernel.money import money
from tiltyard.metrics.catalogue import METRICS
from tiltyard.router.lifecycle import STATES
from tiltyard.shell.exporter.counted import Counted
from tiltyard.shell.exporter.families import FAMILIES
from tiltyard.shell.exporter.paint import paint
from tiltyard.shell.exporter.series import series_of
from tiltyard.shell.gpu.readings import GpuReading
from tiltyard.shell.report.content import describe
from tiltyard.shell.report.wire import report_json

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
UNITS = ("_seconds", "_ratio", "_total", "_nats", "_per_year", "_multiples")
DIMENSIONLESS = {
    "profit_factor", "champion_profit_factor", "consecutive_losses", "net_pnl", "model_healthy",
    "account_balance", "up", "learner_progress", "learner_running", "weekly_run", "snapshot_run",
    "build_info", "guard_state", "hold", "share_mismatch_p_value", "open_positions",
    "open_exposure", "reviews_open", "task_last_run_failed", "observing", "arm_state",
    "gpu_available", "encoder_effective_samples",
}  # fmt: skip


def samples(desk: Shown) -> Samples:
    """Every sample by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in desk.families().values()
        for sample in family.samples
    }


def value(desk: Shown, name: str, **labels: str) -> float | None:
    return samples(desk).get((f"tiltyard_{name}", tuple(sorted(labels.items()))))


def state(desk: Shown, guard: str, policy: str = BOT) -> str:
    (found,) = [
        sample.labels["state"]
        for sample in desk.families()["tiltyard_guard_state"].samples
        if (sample.labels["guard"], sample.labels["policy"]) == (guard, policy)
    ]
    return found


def test_every_family_has_help_a_type_a_unit_and_only_its_labels(tmp_path: Path) -> None:
    bounds: dict[str, set[str]] = {
        "policy": {BOT, CHAMPION, ""}, "role": {"champion", "challenger"},
        "book": {"live", "shadow", "live_and_shadow"}, "window": {"30", "150", "trial"},
        "state": {*GUARD_STATES, *STATES}, "task": {"nightly", "weekly", "snapshot"},
        "gpu": {"0", "1"},
        "hold": {"stop_entries", "freeze_challengers", "freeze_ramp"},
    }  # fmt: skip
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        desk.step(NOON)
        text, found = desk.text(), desk.families()
    for name, family in FAMILIES.items():
        unit = name.removeprefix("tiltyard_")
        assert unit.endswith(UNITS) != (unit in DIMENSIONLESS), name
        assert name.endswith("_total") == (family.type == "counter"), name
        assert family.meaning.endswith("."), name
        read: Metric | None = found.get(name.removesuffix("_total"))
        if read is None:
            continue
        assert f"# HELP {name} {family.meaning}\n# TYPE {name} {family.type}\n" in text
        for sample in read.samples:
            assert math.isfinite(sample.value)
            assert set(sample.labels) - {"le"} == set(family.labels), name
            for label, allowed in bounds.items():
                assert sample.labels.get(label, next(iter(allowed))) in allowed, sample
    assert not re.search(r" [+-]?nan", text, re.IGNORECASE)
    assert len(re.findall("^# TYPE", text, re.MULTILINE)) == len(found)


def test_promtool_finds_nothing_to_mend(tmp_path: Path) -> None:
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        desk.step(NOON)
        text = desk.text()
    assert check("promtool", "check", "metrics", text=text) == ""


def test_the_page_names_every_family_and_no_other() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "prometheus.md"
    row = re.compile(r"^\| `(tiltyard_\w+)` \| (\w+) \| (.*?) \|", re.MULTILINE)
    rows = row.findall(page.read_text("utf-8"))
    assert {name: kind for name, kind, _ in rows} == {n: f.type for n, f in FAMILIES.items()}
    assert len(rows) == len(list(FAMILIES)), "each once"
    told = {name: re.findall(r"`(\w+)`", labels) for name, _, labels in rows}
    assert told == {name: list(family.labels) for name, family in FAMILIES.items()}


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(some.lists(some.tuples(some.sampled_from([BOT, CHAMPION]), some.integers(-300, 400)), max_size=60))  # fmt: skip  # noqa: E501
def test_it_says_what_the_report_says_of_the_same_moment(
    tmp_path_factory: pytest.TempPathFactory, pnls: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("desk") / "desk.db"
    trades = [trade(policy, 2 * n, pnl / 10) for n, (policy, pnl) in enumerate(pnls)]
    gauges = [Observation("encoder_kl_divergence", 0.2, NOON - SECOND, BOT)]
    with ledger_of(path, trades, gauges=gauges) as ledger, shown(ledger) as desk:
        desk.step(NOON)
        seen, judging = samples(desk), desk.desk.judging
        for policy in (BOT, CHAMPION):
            told = report_json(describe(judging, policy, NOON))
            for metric, said in json.loads(json.dumps(told))["metrics"].items():
                series = series_of(metric)
                labels = {"policy": policy, "role": told["role"]} if series.of_arms else {}
                key = series.family, tuple(sorted({**labels, **series.labels}.items()))
                wanted = None if said["value"] is None else series.number(said["value"])
                assert seen.get(key) == wanted, metric


def test_what_is_undefined_has_no_series(tmp_path: Path) -> None:
    with ledger_of(tmp_path / "desk.db", []) as ledger, shown(ledger) as desk:
        desk.step(NOON)
        found = set(desk.families())
        assert not found & {series_of(name).family for name in METRICS} - {
            "tiltyard_consecutive_losses", "tiltyard_drawdown_ratio", "tiltyard_net_pnl",
        }  # fmt: skip
        assert "tiltyard_share_mismatch_p_value" not in found
        assert "tiltyard_api_requests" not in found
        for metric in METRICS:
            reading = desk.desk.judging.panel.read(metric, BOT, NOON).reading
            series = series_of(metric)
            if series.of_arms:
                labels = {"policy": BOT, "role": "challenger", **series.labels}
                shown_ = value(desk, series.family.removeprefix("tiltyard_"), **labels)
                assert (shown_ is None) == (not hasattr(reading, "number")), metric


def test_an_arm_that_is_retired_or_deposed_is_shown_no_more(tmp_path: Path) -> None:
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        desk.step(NOON)
        assert 'policy="flat"' not in desk.text(), "deposed"
        assert 'policy="bot"' in desk.text()
        ledger.append_marks([Mark(BOT, NOON, money(0), 0)], known_at=NOON)
        desk.step(NOON + SECOND)
        outcome = asked(ledger, desk.desk, "retire", BOT, NOON + 2 * SECOND)
        assert not outcome.code, outcome.text
        desk.step(NOON + 3 * SECOND)
        assert 'policy="bot"' not in desk.text()


def test_a_name_that_nobody_registered_is_no_label(tmp_path: Path) -> None:
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        desk.step(NOON)
        told = [Observation("whatever_i_like", 7, NOON, "stranger"),
                Observation("encoder_kl_divergence", 7, NOON, "stranger"),
                Observation("api_calls", 7, NOON, "stranger")]  # fmt: skip
        ledger.append_observations(told, known_at=NOON)
        desk.step(NOON + SECOND)
        assert "stranger" not in desk.text()
        assert "whatever" not in desk.text()
        assert value(desk, "api_requests_total") == 407


def test_a_halted_arms_guard_stays_tripped_until_it_is_rearmed(tmp_path: Path) -> None:
    high = "challenger_drawdown_high"
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        desk.step(NOON)
        assert state(desk, high) == "pass"
        append(ledger, fall(), NOON)
        desk.step(NOON + SECOND)
        assert state(desk, high) == "tripped"
        assert value(desk, "actions_total", guard=high, effect="halt") == 1
        assert value(desk, "traffic_allocation_ratio", policy=BOT, role="challenger") == 0
        desk.step(NOON + DAY)  # its mark is old by then
        assert state(desk, high) == "tripped"
        put(ledger, "acknowledge", BOT, NOON + DAY, number="1")
        put(ledger, "rearm", BOT, NOON + DAY)
        desk.step(NOON + DAY + SECOND)
        assert state(desk, high) != "tripped"


def test_a_guard_that_a_person_has_overruled_is_no_longer_tripped(tmp_path: Path) -> None:
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        for minute in range(4):
            now = NOON + minute * MINUTE
            told = Observation("model_healthy", 0, now, BOT)
            ledger.append_observations([told], known_at=now)
            if minute == 2:
                (review,) = ledger.roster().open_reviews(BOT)
                put(ledger, "acknowledge", BOT, now, number=str(review.number))
                put(ledger, "rearm", BOT, now)
            desk.step(now)
            is_halted = minute < 2
            arm = "halted" if is_halted else "probation"
            assert value(desk, "arm_state", policy=BOT, role="challenger", state=arm) == 1
            assert state(desk, "model_unhealthy") == ("tripped" if is_halted else "breach")
        assert value(desk, "traffic_allocation_ratio", policy=BOT, role="challenger")


def test_a_desk_that_only_observes_says_so(tmp_path: Path) -> None:
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        desk.step(NOON)
        assert value(desk, "observing") == 0
        with desk_on(ledger, NOON + DAY, observe=True) as other:
            other.step(NOON + DAY)
            picture = paint(other.judging, Counted(DEFAULT_CHECKLIST), other.traffic.at(NOON), NOON)
            assert picture.samples["tiltyard_observing"] == [((), 1)]


def test_a_gauge_that_goes_stale_is_unknown_and_one_that_never_was_is_warming(
    tmp_path: Path,
) -> None:
    of_bot = {"policy": BOT, "role": "challenger"}
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        desk.step(NOON)
        assert state(desk, "encoder_kl_divergence_high") == "pass"
        desk.step(NOON + DAY)
        assert value(desk, "encoder_kl_divergence_nats", **of_bot) == 0.12
        assert state(desk, "learner_given_up", "") == "warming"
        desk.step(NOON + 30 * DAY)
        assert state(desk, "encoder_kl_divergence_high") == "unknown"
        assert value(desk, "encoder_kl_divergence_nats", **of_bot) is None, "no number is of now"
        assert value(desk, "encoder_kl_divergence_lower_nats", **of_bot) is None
        assert value(desk, "weekly_run") == 1, "nobody has said how long it counts"
        assert state(desk, "learner_given_up", "") == "warming"


def test_counters_go_on_over_a_restart_and_a_correction_counts_once(tmp_path: Path) -> None:
    with eventful(tmp_path / "desk.db") as ledger:
        with shown(ledger) as desk:
            desk.step(NOON)
            append(ledger, fall(), NOON)
            desk.step(NOON + SECOND)
            corrected = fall(percent=6)._replace(revision=2)
            with ledger.staging() as staging:
                staging.add([(0, corrected, True)])
                staging.commit(now=NOON, known_at=NOON)
            desk.step(NOON + 2 * SECOND)
            counted = {k: v for k, v in samples(desk).items() if k[0].endswith("_total")}
            assert counted["tiltyard_trades_total", (("book", "live"), ("policy", BOT))] == 41
        with shown(ledger, NOON + MINUTE) as desk:
            desk.step(NOON + MINUTE)
            again = {k: v for k, v in samples(desk).items() if k[0].endswith("_total")}
    assert again == counted


def test_a_trade_that_is_corrected_into_the_other_book_counts_where_it_was_first_told(
    tmp_path: Path,
) -> None:
    with eventful(tmp_path / "desk.db") as ledger:
        with shown(ledger) as desk:
            desk.step(NOON)
            late = trade(BOT, 300, 1)
            append(ledger, late, NOON)
            desk.step(NOON + SECOND)
            with ledger.staging() as staging:
                staging.add([(0, late._replace(book="shadow", revision=2), True)])
                staging.commit(now=NOON, known_at=NOON)
            desk.step(NOON + 2 * SECOND)
            assert desk.desk.judging.panel.arm(BOT).lifetime_trades == 40
            assert trades_told(desk) == (41, 40)
        with shown(ledger, NOON + MINUTE) as desk:
            desk.step(NOON + MINUTE)
            assert trades_told(desk) == (41, 40), "the next desk says the same"
            append(ledger, trade(BOT, 301, 1), NOON + MINUTE)
            desk.step(NOON + 2 * MINUTE)
            assert trades_told(desk) == (42, 40)


def trades_told(desk: Shown) -> tuple[float | None, float | None]:
    return (
        value(desk, "trades_total", policy=BOT, book="live"),
        value(desk, "trades_total", policy=BOT, book="shadow"),
    )


def test_what_a_persons_command_has_written_is_counted_at_once_and_not_at_the_next_start(
    tmp_path: Path,
) -> None:
    asked_for = Action("restart_learner", "", PERSON, "enforce", NOON, reason="it hangs")
    event = acted(asked_for, DEFAULT_CHECKLIST.digest, "ann")
    with eventful(tmp_path / "desk.db") as ledger:
        for minute in (0, 1):
            with shown(ledger, NOON + minute * MINUTE) as desk:
                desk.step(NOON + minute * MINUTE)
                if not minute:
                    with ledger.transaction() as inside:
                        inside.change_roster(lambda roster: (roster, [event]), at=NOON)
                    desk.step(NOON + SECOND)
                done = value(desk, "actions_total", guard=PERSON, effect="restart_learner")
                assert done == 1, f"desk {minute + 1}"


def test_what_only_observes_has_done_nothing(tmp_path: Path) -> None:
    observing = DEFAULT_CHECKLIST.guards
    checklist = replace(
        DEFAULT_CHECKLIST, guards=tuple(replace(guard, mode="observe") for guard in observing)
    )
    with (
        eventful(tmp_path / "desk.db") as ledger,
        shown(ledger, settings=SETTINGS.model_copy(update={"checklist": checklist})) as desk,
    ):
        desk.step(NOON)
        append(ledger, fall(), NOON)
        desk.step(NOON + SECOND)
        assert [event["mode"] for event in audited(ledger, "halt")] == ["observe"]
        done = value(desk, "actions_total", guard="challenger_drawdown_high", effect="halt")
        assert done == 0


def test_tasks_tell_when_they_last_succeeded_and_whether_the_last_run_failed(
    tmp_path: Path,
) -> None:
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        desk.step(NOON)
        at = "task_last_success_timestamp_seconds"
        assert value(desk, at, task="weekly") == (NOON - SECOND).timestamp()
        assert value(desk, at, task="snapshot") == (NOON - DAY).timestamp(), "before this desk"
        assert value(desk, at, task="nightly") == NOON.timestamp()
        failed = {task: value(desk, "task_last_run_failed", task=task)
                  for task in ("nightly", "weekly", "snapshot")}  # fmt: skip
        assert failed == {"nightly": 0, "weekly": 0, "snapshot": 1}
        desk.step(NOON + DAY)
        assert value(desk, at, task="nightly") == (NOON + DAY).timestamp()


def test_positions_and_their_exposure_are_those_of_the_last_mark(tmp_path: Path) -> None:
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        desk.step(NOON)
        assert value(desk, "open_positions", policy=BOT) == 1
        assert value(desk, "open_exposure", policy=BOT) == 900
        flat = Mark(BOT, NOON + SECOND, money(0), 0)
        ledger.append_marks([flat], known_at=NOON + SECOND)
        desk.step(NOON + 2 * SECOND)
        assert value(desk, "open_positions", policy=BOT) == 0
        assert value(desk, "open_exposure", policy=BOT) == 0
        assert value(desk, "last_mark_timestamp_seconds", policy=BOT) == flat.marked_at.timestamp()
        assert value(desk, "last_mark_timestamp_seconds", policy=CHAMPION) is None


def test_how_long_a_fact_waited_is_from_its_recording_to_the_commit(tmp_path: Path) -> None:
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        desk.step(NOON)
        append(ledger, trade(BOT, 300, 1), NOON + SECOND)
        ledger.append_marks([Mark(BOT, NOON + SECOND, money(0), 0)], known_at=NOON + SECOND)
        ledger.append_observations(
            [Observation("gpu_util_pct", 95, NOON + SECOND)], known_at=NOON + SECOND
        )
        desk.step(NOON + SECOND + timedelta(milliseconds=40))
        name = "decision_latency_seconds"
        assert value(desk, f"{name}_bucket", le="0.025") == 0
        assert value(desk, f"{name}_bucket", le="0.05") == 3
        assert value(desk, f"{name}_count") == 3
        assert value(desk, f"{name}_sum") == pytest.approx(0.12)


def test_two_hundred_policies_are_all_shown(tmp_path: Path) -> None:
    names = tuple(f"bot{number:03}" for number in range(200))
    trades = [trade(name, 2 * n, 3 if n % 2 else -1) for name in names for n in range(3)]
    with (
        ledger_of(tmp_path / "desk.db", trades, names=names, share=0.002) as ledger,
        shown(ledger) as desk,
    ):
        desk.step(NOON)
        shares = desk.families()["tiltyard_traffic_allocation_ratio"].samples
        assert {one.labels["policy"] for one in shares} == {CHAMPION, *names}


def test_the_heartbeat_is_that_of_the_last_judgement(tmp_path: Path) -> None:
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        desk.step(NOON)
        desk.clock[0] += 3600
        assert value(desk, "heartbeat_timestamp_seconds") == NOON.timestamp()


def test_no_picture_is_made_twice_in_a_second_or_while_something_is_new(tmp_path: Path) -> None:
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        first = desk.step(NOON)
        desk.painter.beat(NOON + SECOND / 2)
        assert desk.painter.picture is first
        desk.clock[0] += 1
        append(ledger, trade(BOT, 300, 1), NOON)
        desk.painter._steady = iter([*(desk.clock[0] + n for n in range(10_000))]).__next__
        desk.painter.beat(NOON + SECOND)
        assert desk.painter.picture is first, "the trade comes first"
        desk.clock[0] += 100
        desk.painter._steady = lambda: desk.clock[0]
        desk.painter.beat(NOON + SECOND)
        assert desk.painter.picture is not first, "for too long there was none"


def test_gpus_are_shown_by_short_plain_names_and_not_without_end(tmp_path: Path) -> None:
    names = ["0", "GPU-1a:2", "", "x" * 41, "a b", "\u0661", 'a"b', *(f"n{n}" for n in range(500))]
    reading = GpuReading(available=True, utilization=dict.fromkeys(names, 0.5))
    with eventful(tmp_path / "desk.db") as ledger, desk_on(ledger, NOON) as desk:
        counted = Counted(DEFAULT_CHECKLIST)
        picture = paint(desk.judging, counted, desk.traffic.at(NOON), NOON, reading)
    told = [labels for labels, _ in picture.samples["tiltyard_gpu_utilization_ratio"]]
    assert told == [("0",), ("GPU-1a:2",), *((f"n{n}",) for n in range(62))]
