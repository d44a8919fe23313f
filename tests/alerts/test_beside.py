"""Alerts beside the guards fire when they should, end, and miss nothing that never was."""

from pathlib import Path

from alerts.judged import DESK, POLICY, case, run
from tiltyard.checklist.alert_names import OF_NO_GUARD
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.shell.alerts.made import RULES, make
from tiltyard.shell.alerts.rules import alerts
from tiltyard.shell.settings import Settings

OF_ARM = f'desk="{DESK}",policy="{POLICY}"'
HALTING = f'tiltyard_guard_state{{{OF_ARM},guard="model_unhealthy",state="tripped"}}'
TRAFFIC = f'tiltyard_traffic_allocation_ratio{{{OF_ARM},role="challenger"}}'
BEAT = f'tiltyard_heartbeat_timestamp_seconds{{desk="{DESK}"}}'
BOT = f"tiltyard_bot_heartbeat_timestamp_seconds{{{OF_ARM}}}"
OPEN = f"tiltyard_open_positions{{{OF_ARM}}}"
MARK = f"tiltyard_last_mark_timestamp_seconds{{{OF_ARM}}}"
CHANCE = f'tiltyard_share_mismatch_p_value{{desk="{DESK}"}}'
LOW = f'tiltyard_profit_factor{{{OF_ARM},role="challenger",window="30",book="live"}}'
SICK = f'tiltyard_model_healthy{{{OF_ARM},role="challenger"}}'
UNKNOWN = f'tiltyard_guard_state{{{OF_ARM},guard="challenger_profit_factor_low",state="unknown"}}'
OBSERVING = f'tiltyard_observing{{desk="{DESK}"}}'
JUDGED, IDLE = ("probation", "live", "throttled", "champion"), ("candidate", "halted")
GPU = f'tiltyard_gpu_available{{desk="{DESK}"}}'


def named(alert: str, policy: str = "") -> str:
    return f'alertname="{alert}",desk="{DESK}",policy="{policy}"'


def arm(state: str) -> dict[str, str]:
    """What the desk says of the arm."""
    role = "champion" if state == "champion" else "challenger"
    return {f'tiltyard_arm_state{{{OF_ARM},role="{role}",state="{state}"}}': "1x60"}


def task(family: str, name: str) -> str:
    return f'tiltyard_task_{family}{{desk="{DESK}",task="{name}"}}'


def test_what_the_desk_cannot_say_of_itself_is_seen(tmp_path: Path) -> None:
    made = make(Settings(checklist=DEFAULT_CHECKLIST), "t")
    (tmp_path / RULES).write_text(made.texts[RULES], "utf-8")
    hung, silent = named("DeskHeartbeatLost"), named("BotHeartbeatLost", POLICY)
    stale, halted = named("MarksStale", POLICY), named("TrafficOnHaltedArm", POLICY)
    failed, uneven = named("SnapshotFailed"), named("ShareMismatch")
    blind = named("GpuUnavailable")
    run(tmp_path, [
        case({BEAT: "0+60x3 180x9 600x3"}, (3, hung, 0), (4, hung, 0), (5, hung, 1)),
        case({BEAT: "0x5 360x9"}, (5, hung, 1), (6, hung, 0)),
        case({}, (5, hung, 0), (15, silent, 0)),
        case({BOT: "0x30"}, (10, silent, 0), (11, silent, 1)),
        case({BOT: "0x12 780x9"}, (12, silent, 1), (14, silent, 0)),
        *(case({**arm(one), BOT: "0x30"}, (11, silent, 1)) for one in JUDGED),
        *(case({**arm(one), BOT: "0x30"}, (11, silent, 0)) for one in IDLE),
        *(case({**arm(one), BOT: "0x30", OPEN: "0x30"}, (11, silent, 0)) for one in IDLE),
        *(case({**arm(one), BOT: "0x30", OPEN: "2x30"}, (11, silent, 1)) for one in IDLE),
        case({OPEN: "2x40", MARK: "0x40"}, (15, stale, 0), (18, stale, 1)),
        case({OPEN: "2x40", MARK: "0+60x40"}, (30, stale, 0)),
        case({OPEN: "2x9"}, (2, stale, 1)),
        case({OPEN: "0x40", MARK: "0x40"}, (30, stale, 0)),
        case({HALTING: "1x9", TRAFFIC: "0.1x9"}, (0, halted, 0), (2, halted, 1)),
        case({HALTING: "1x9", TRAFFIC: "0.1x3 0x9"}, (2, halted, 1), (5, halted, 0)),
        case({TRAFFIC: "0.1x9"}, (5, halted, 0)),
        case({HALTING: "1x9"}, (5, halted, 0)),
        case({**arm("halted"), TRAFFIC: "0.1x9"}, (2, halted, 1)),
        case({**arm("live"), TRAFFIC: "0.1x9"}, (5, halted, 0)),
        case({HALTING: "1x9", TRAFFIC: "0.1x9", OBSERVING: "1x9"}, (5, halted, 0)),
        case({HALTING: "1x9", TRAFFIC: "0.1x9", OBSERVING: "0x9"}, (5, halted, 1)),
        case({task("last_run_failed", "snapshot"): "1x2 0x5"}, (1, failed, 1), (4, failed, 0)),
        case({task("last_run_failed", "weekly"): "1x5"}, (2, failed, 0)),
        case({CHANCE: "0.0009x3 0.001x5"}, (2, uneven, 1), (5, uneven, 0)),
        case({GPU: "1x2 0x20"}, (2, blind, 0), (12, blind, 1)),
        case({GPU: "0x20"}, (12, blind, 0)),
    ])  # fmt: skip
    night, week = named("NightlyRunMissed"), named("WeeklyRunMissed")
    run(tmp_path, [
        case({task("last_success_timestamp_seconds", "nightly"): "0x40"},
             (26, night, 0), (27, night, 1), (27, week, 0), every="1h"),
        case({task("last_success_timestamp_seconds", "weekly"): "0x200"},
             (192, week, 0), (193, week, 1), (193, night, 0), every="1h"),
        case({}, (30, night, 0), (200, week, 0), every="1h"),
    ], every="1h")  # fmt: skip


def test_their_names_are_those_that_no_guard_may_have() -> None:
    names = {one.name for one in alerts(DEFAULT_CHECKLIST, 60, "tiltyard")}
    of_guards = {guard.alert for guard in DEFAULT_CHECKLIST.guards}
    assert names - of_guards == OF_NO_GUARD - {"TiltyardTest"}


def test_of_an_arm_that_nobody_judges_no_guard_alarms_but_that_by_which_it_is_halted(
    tmp_path: Path,
) -> None:
    made = make(Settings(checklist=DEFAULT_CHECKLIST), "t")
    (tmp_path / RULES).write_text(made.texts[RULES], "utf-8")
    low, sick = named("ChallengerProfitFactorLow", POLICY), named("ModelUnhealthy", POLICY)
    lost = named("GuardUnknown", POLICY)
    bad = {LOW: "0.67x30", SICK: "0x30"}
    unknown = {UNKNOWN: "1x30"}
    run(tmp_path, [
        *(case({**arm(one), **bad}, (2, low, 1), (2, sick, 1)) for one in JUDGED[:3]),
        *(case({**arm(one), **unknown}, (2, lost, 1)) for one in JUDGED[:3]),
        *(case({**arm(one), **bad}, (2, low, 0), (2, sick, 0)) for one in IDLE),
        *(case({**arm(one), **unknown}, (20, lost, 0)) for one in IDLE),
        case({**arm("halted"), **bad, HALTING: "1x30"}, (2, low, 0), (20, sick, 1)),
        case(bad, (2, low, 1), (2, sick, 1)),
    ])  # fmt: skip
