"""Everything that people are told of, once each, on a small floor."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tiltyard.actions.apply import apply
from tiltyard.actions.record import Event, registered
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.facts.action import Action
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.mark import LastMark, Mark
from tiltyard.kernel.money import money
from tiltyard.shell.notify.message import Message, grouped, written
from tiltyard.shell.notify.scene import Scene
from tiltyard.shell.obey import told

NOON = datetime(2025, 7, 7, 12, 0, 5, tzinfo=UTC)
PROD, BOT, NEW, OLD = (
    "timesnet_20250601_080000_0a11ce55", "reinforcement_20250707_154526_eee02a74",
    "reinforcement_20250801_090000_77c0ffee", "classic mean reversion",
)  # fmt: skip
CAPITAL = money(10_000)


def roster() -> Roster:
    """A champion, a challenger on trial and one that waits."""
    made = Roster()
    for arm in (
        Arm(FLAT, "challenger", "deposed", 0, 1, 0, None, NOON, kind=FLAT),
        Arm(OLD, "challenger", "deposed", 0, 1, 0, CAPITAL, NOON, deposed_at=NOON),
        Arm(PROD, "champion", "champion", 0.9, 1, 1, CAPITAL, NOON),
        Arm(BOT, "challenger", "live", 0.1, 0.1, 0.2, CAPITAL, NOON),
        Arm(NEW, "challenger", "candidate", 0, 0.1, 0, None, NOON),
    ):
        made = made.with_arm(arm)
    return made


def marks() -> Mapping[str, LastMark]:
    """What they hold: the champion says what it is worth, the challenger does not."""
    at = NOON - timedelta(minutes=1)
    return {
        PROD: LastMark(
            Mark(PROD, at, money(41.5), 3, currency="USDT", exposure=money(5200)), 3,
            traded_since=False,
        ),
        BOT: LastMark(Mark(BOT, at, money(-12.5), 2, currency="USDT"), 2, traded_since=False),
    }  # fmt: skip


def by(kind: str, policy: str, cause: str, **said: Any) -> Action:  # noqa: ANN401 fields of an action
    return Action(kind, policy, cause, "enforce", NOON, **said)  # type: ignore[arg-type]


def _guarded(kind: str, policy: str, cause: str, value: float | None, limit: float | None,
             **said: Any) -> Action:  # noqa: ANN401 fields of an action # fmt: skip
    guard = DEFAULT_CHECKLIST.guard(cause)
    reason = said.pop("reason", f"{guard.metric} {guard.when}")
    return by(kind, policy, cause, value=value, limit=limit, reason=reason, **said)


TAKEN = {"before": 0.1, "after": 0.0}
STEPS: Mapping[str, tuple[Sequence[Action], Mapping[str, Any]]] = {
    "halt": (
        [_guarded("halt", BOT, "challenger_drawdown_high", 12.4, 4, samples=50, **TAKEN)],
        {"episodes": 1, "lasts": True},
    ),
    "throttle": (
        [_guarded("throttle", BOT, "challenger_profit_factor_low", 1.32, 1.6, samples=30, **TAKEN)],
        {"episodes": 1, "lasts": True},
    ),
    "throttle of a value that was lost": (
        [_guarded("throttle", BOT, "challenger_drawdown_high", None, 4, **TAKEN,
                  reason="the last mark is 31 min old, at most 15 min while positions are open")],
        {"episodes": 1, "lasts": True},
    ),
    "stop entries": (
        [_guarded("stop_entries", "", "account_drawdown_high", 9.25, 8)],
        {"episodes": 1, "lasts": True},
    ),
    "freeze by the day's loss": (
        [_guarded("freeze_challengers", "", "account_daily_loss_high", 3.4, 3)],
        {"episodes": 1, "lasts": True},
    ),
    "freeze by the balance": (
        [_guarded("freeze_challengers", "", "account_balance_low", 7.5, 10)],
        {"episodes": 1, "lasts": True},
    ),
    "ramp": (
        [_guarded("freeze_ramp", "", "api_error_rate_high", 7.5, 5, samples=40)],
        {"episodes": 2, "lasts": True},
    ),
    "champion": (
        [_guarded("propose_rollback", PROD, "champion_profit_factor_low", 1.2, 1.6, samples=30),
         _guarded("page", PROD, "champion_profit_factor_low", 1.2, 1.6, samples=30)],
        {"episodes": 1, "lasts": True},
    ),
    "page": (
        [_guarded("page", "", "system_downtime", 0, 1)],
        {"episodes": 3, "lasts": False},
    ),
    "page of a value that was lost": (
        [_guarded("page", "", "system_downtime", None, 1, reason="the last up is 75 s old")],
        {"episodes": 1, "lasts": True},
    ),
    "page of a balance that was lost": (
        [_guarded("page", "", "account_balance_low", None, 10, reason="it is 2 h old")],
        {"episodes": 1, "lasts": True},
    ),
    "model": (
        [_guarded("halt", BOT, "model_unhealthy", 0, 1, **TAKEN)], {"episodes": 1, "lasts": True},
    ),
    "champion's model": (
        [_guarded("propose_rollback", PROD, "champion_model_unhealthy", 0, 1)],
        {"episodes": 1, "lasts": True},
    ),
    "latency": (
        [_guarded("freeze_ramp", "", "inference_latency_high", 310, 250, samples=40)],
        {"episodes": 1, "lasts": True},
    ),
    "learner given up": (
        [_guarded("page", "", "learner_given_up", 0, 1)], {"episodes": 1, "lasts": True},
    ),
    "a step of a job": (
        [by("page", "", "job",
            reason="weekly-2026-11-29: retrain failed: STEP_OVERDUE it was not done within 5 h")],
        {"command": 9, "run": "weekly-2026-11-29"},
    ),
    "a drill": (
        [by("page", "", "drill",
            reason="drill_20251129_120000_0a1b2c3d: 15 of 15 guards did what is declared, in a "
            "house of the drill's own")],
        {"command": 10, "drill": "drill_20251129_120000_0a1b2c3d"},
    ),
    "left open": (
        [by("page", BOT, "positions_left_open",
            reason="2 positions are open 30 min after the halt, by the mark of "
            "2025-07-07T12:29:00Z")],
        {},
    ),
    "may be left open": (
        [by("page", BOT, "positions_left_open",
            reason="what is open 30 min after the halt is not known: no mark was ever reported")],
        {},
    ),
    "encoder": (
        [_guarded("refresh_encoder", BOT, "encoder_kl_divergence_high", 0.34, 0.3)],
        {"episodes": 1, "lasts": True},
    ),
    "learner": (
        [_guarded("restart_learner", "", "gpu_utilization_high", 97, 60)],
        {"episodes": 1, "lasts": True},
    ),
    "review": (
        [_guarded("review", BOT, "consecutive_losses_high", 5, 5, samples=64)],
        {"episodes": 1, "lasts": True},
    ),
    "review by a rule": (
        [by("review", BOT, "sprt", reason="worse than the champion, proven: retire it?")], {},
    ),
    "deadman": (
        [by("freeze_challengers", "", "deadman", reason="nothing was judged for 75 s")], {},
    ),
    "promotion": (
        [by("propose_promotion", BOT, "ladder", reason="60 % of traffic, better over 150 trades")],
        {},
    ),
    "admission": (
        [by("admit", NEW, "registration", before=0.0, after=0.1, reason="its capital is known")],
        {},
    ),
    "night": (
        [by("scale", BOT, "ladder", before=0.1, after=0.15, reason="pf_150 2.3, dd_150 1.1 %")], {},
    ),
    "way back": (
        [_guarded("resume", BOT, "challenger_profit_factor_low", 2.0, 1.9, samples=30,
                  before=0.0, after=0.1,
                  reason="pf_30_with_shadow >= 1.9 after 30 further trades")],
        {},
    ),
    "expired": (
        [by("expire_proposal", BOT, "promotion", number=1,
            reason="nobody approved it within 48 h")],
        {},
    ),
}  # fmt: skip
BY_HAND: Mapping[str, Sequence[Action]] = {
    "halt by hand": [by("halt", BOT, "person", reason="venue trouble", **TAKEN)],
    "throttle by hand": [by("throttle", BOT, "person", reason="asked for by ann", **TAKEN)],
    "freeze by hand": [by("freeze_challengers", "", "person", reason="rate decision")],
    "stop all by hand": [by("stop_entries", "", "person", reason="rate decision")],
    "rollback": [
        by("halt", PROD, "rollback", before=0.9, after=0.0, reason="it is broken"),
        by("crown", OLD, "rollback", before=0.0, after=1.0, reason="it is broken"),
    ],
    "rollback to flat": [by("halt", PROD, "rollback", before=0.9, after=0.0, reason="broken")],
    "approval": [by("crown", BOT, "promotion", before=0.1, after=1.0, reason="agreed")],
    "re-armed": [by("rearm", BOT, "person", before=0.0, after=0.1, reason="looked at")],
    "retired": [by("retire", BOT, "person", before=0.1, after=0.0, reason="done with it")],
    "acknowledged": [by("acknowledge", BOT, "challenger_drawdown_high", number=1, reason="seen")],
    "resumed": [by("unfreeze_challengers", "", "person", reason="over")],
    "entries again": [by("allow_entries", "", "account_drawdown_high", reason="checked")],
    "ramp again": [by("unfreeze_ramp", "", "api_error_rate_high", reason="checked")],
}


def messages() -> dict[str, Message]:
    """What people are told, by what was done."""
    made = {}
    for name, (actions, also) in STEPS.items():
        made[name] = _said(_events(actions, also, "desk"), actions)
    for name, actions in BY_HAND.items():
        made[name] = _said(_events(actions, {"command": 7}, "ann"), actions)
    flat, new = (
        {**registered(roster().arms[one], NOON, "ann"), "command": 8} for one in (FLAT, NEW)
    )
    made["registered"] = _said([flat, new], [])
    moved = [by("scale", one, "ladder", before=0.1, after=0.15, reason="pf_150 2.3")
             for one in (BOT, NEW)]  # fmt: skip
    made["night of two"] = _said(_events(moved, {}, "desk"), [])
    return made


def _events(actions: Sequence[Action], also: Mapping[str, Any], actor: str) -> list[Event]:
    return [{**told(one, "", actor, marks(), NOON), **also} for one in actions]


def _said(events: Sequence[Event], actions: Sequence[Action]) -> Message:
    after = roster()
    for action in actions:
        if action.kind in ("halt", "throttle", "review", "freeze_challengers", "crown"):
            after = apply(after, action)
    (group,) = grouped(events)
    return written(group, Scene(after, marks(), DEFAULT_CHECKLIST))
