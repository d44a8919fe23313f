"""What lies before an arm: the next step for a person, and the next gate for the arm itself."""

from collections.abc import Sequence
from datetime import datetime
from shlex import quote

from tiltyard.checklist.guard import Guard
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Arm
from tiltyard.facts.verdict import Verdict
from tiltyard.kernel.undefined import Value
from tiltyard.router.lifecycle import TRADING
from tiltyard.scaling.ladder import LADDER
from tiltyard.shell.desk import Desk
from tiltyard.shell.models.shelf import looks_like_snapshot

_GATES = {
    "champion": "none: it is the champion",
    "candidate": "probation, once its capital is known and there is room",
    "halted": "a person re-arms it",
    "throttled": "its way back, or a person",
    "deposed": "none: it is kept as known-good",
    "retired": "none: it is retired",
}
"""What stands before an arm that is not on trial."""


def next_step(
    desk: Desk, arm: Arm, actions: Sequence[Action], guards: Sequence[tuple[Guard, Verdict]]
) -> str:
    """What a person may do for an arm, or about it.

    Args:
        desk: It has been fed every trade.
        arm: As it stands.
        actions: What an enforcing desk would do to it now.
        guards: Each guard on it and on the account, with its verdict.
    """
    if arm.state == "candidate":
        return _first_step(desk, arm)
    if arm.state in ("halted", "throttled"):
        return f"read the trades behind it: tiltyard report {quote(arm.name)} --trades"
    if any(action.kind in ("halt", "throttle") for action in actions):
        return f"needs attention: look at the trades (tiltyard report {quote(arm.name)} --trades)"
    failing = [guard for guard, verdict in guards if verdict.answer == "breach"]
    if arm.role == "champion" and any(one.effect == "propose_rollback" for one in failing):
        return (
            f"let it stay, or put another in its place: tiltyard policy rollback {quote(arm.name)}"
        )
    if _is_left_without_traffic(desk, arm):
        return _way_to_traffic(arm)
    unknown = [guard.metric for guard, verdict in guards if verdict.answer != "pass" and guard.hard
               and verdict.answer != "breach"]  # fmt: skip
    return f"wait, or supply what is missing: {', '.join(unknown)}" if unknown else "none"


def next_gate(desk: Desk, arm: Arm, now: datetime) -> str:
    """What stands before an arm."""
    if arm.state in _GATES:
        return _GATES[arm.state]
    trial = desk.panel.arm(arm.name).live.trades
    wanted = desk.rules.trial_trades
    if desk.ruling.name != LADDER:
        return f"tonight's {desk.ruling.name}: {desk.tonight(arm.name, now)}"
    without = "" if arm.share else ", and it has no traffic"
    if trial < wanted:
        return (
            f"{wanted} live trades end its probation and open the ladder: {trial} so far{without}"
        )
    pf_150 = desk.panel.read("pf_150", arm.name, now).reading
    pf_prod = desk.panel.read("pf_prod", arm.name, now).reading
    if isinstance(pf_150, Value) and isinstance(pf_prod, Value):
        against = f"pf_150 {pf_150.number:.3g} against pf_prod {pf_prod.number:.3g}"
        return f"tonight's ladder: {against}{without}"
    return f"tonight's ladder: pf_prod is {pf_prod}{without}"


def _first_step(desk: Desk, arm: Arm) -> str:
    """What a candidate waits for: its capital, the end of a hold, room, or a trade."""
    if not desk.knows_capital(arm):
        kind = f" --kind {quote(arm.kind)}" if looks_like_snapshot(arm.name) else ""
        return (
            f"say what equity it may use: tiltyard policy register {quote(arm.name)}{kind} "
            "--capital X"
        )
    if desk.roster.holds():
        return f"wait: {', '.join(sorted(desk.roster.holds()))} holds all challengers"
    wanted, room = 100 * arm.start_share, 100 * desk.rules.room(desk.roster)
    if wanted > room:
        return f"wait for room: it starts with {wanted:.1f} %, and {room:.1f} % is free"
    return "take in its next trades: tiltyard ingest puts it on trial"


def _is_left_without_traffic(desk: Desk, arm: Arm) -> bool:
    """Whether nobody but a person will give it any: the ladder multiplies, and so leaves 0."""
    on_trial = arm.role == "challenger" and arm.state in TRADING
    return on_trial and not (arm.share or arm.held_share) and desk.ruling.name == LADDER


def _way_to_traffic(arm: Arm) -> str:
    """Who gives traffic to one that the ladder leaves without, and how."""
    if arm.ceiling:
        how = f"give it a share by SQL, up to {100 * arm.ceiling:.1f} %"
    elif arm.start_share:
        how = "put it on a new trial: tiltyard policy throttle, review ack, policy rearm"
    else:
        how = "retire it and register it under another name, with a share"
    return f"{how}; it has no traffic, and the ladder gives it none"
