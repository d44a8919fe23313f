"""What was done, in words that a phone can show: a title, and a few short lines.

:func:`grouped` puts together what is one thing to people: all that a guard did to one arm in a
step, all that followed from one command, all shares that moved in one night. :func:`written`
says it: what happened, of whom, the number against its limit; what was done; what is still open;
and what to type next. :func:`spoken` is the text as it is sent, which says when it happened.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from shlex import quote

from tiltyard.actions.on_hold import NAMES
from tiltyard.actions.record import Event
from tiltyard.checklist.guard import Severity
from tiltyard.facts.action import CAUSES, DRILL, JOB, PERSON
from tiltyard.facts.arm import FLAT
from tiltyard.facts.mark import LastMark
from tiltyard.kernel.money import money_text
from tiltyard.metrics.catalogue import GAUGES, LATENCIES
from tiltyard.shell.left_open import LEFT_OPEN
from tiltyard.shell.notify.scene import Scene, percent, reason_of, traffic
from tiltyard.shell.notify.severity import severity_of
from tiltyard.shell.notify.titles import title_of

LATE = timedelta(minutes=2)
"""What is told so much later says how late it is."""
_STRONGEST = (
    "halt", "stop_entries", "freeze_challengers", "throttle", "propose_rollback", "freeze_ramp",
    "page", "review",
)  # fmt: skip
_WORST: Sequence[Severity] = ("critical", "warning", "info")
_ENDS: Mapping[str, str] = {
    "stop_entries": "allow_entries", "freeze_challengers": "unfreeze_challengers",
    "freeze_ramp": "unfreeze_ramp",
}  # fmt: skip
_SAYS_WHAT_IS_OPEN = frozenset({"stop_entries", "freeze_challengers", "page", "propose_rollback"})
_COUNTED: Mapping[str, str] = {
    "api_error_rate": "call",
    **dict.fromkeys(LATENCIES, "decision"),
}
"""What a gauge is made from, where that is counted."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody is told.

    Attributes:
        title: One line.
        lines: More of it.
        severity: How much it matters.
        at: When it happened, UTC.
    """

    title: str
    lines: tuple[str, ...]
    severity: Severity
    at: datetime


def grouped(events: Iterable[Event]) -> list[list[Event]]:
    """What is one thing to people, the strongest of it first; in the order of what came first."""
    groups: dict[tuple[object, ...], list[Event]] = {}
    for number, event in enumerate(events):
        groups.setdefault(_thing(event, number), []).append(event)
    return [sorted(group, key=_strength) for group in groups.values()]


def written(group: Sequence[Event], scene: Scene) -> Message:
    """What people are told of one thing.

    Args:
        group: As :func:`grouped` makes them.
        scene: What it is written from.
    """
    event = group[0]
    severities = [severity_of(one, scene.checklist) for one in group]
    title = title_of(event, scene)
    if is_night := event["event"] == "scale" and len(group) > 1:
        title = f"{len(group)} shares were moved"
    is_one = event["event"] == "scale" and not is_night
    lines = [
        *([reason_of(event)] if is_one else [line for one in group for line in _done(one, scene)]),
        *_why(event, scene), *_open(event, scene), *_next(event, scene),
    ]  # fmt: skip
    severity = min(severities, key=_WORST.index)
    return Message(title, tuple(dict.fromkeys(lines)), severity, event["at"])


def said(group: Sequence[Event], scene: Scene) -> Message:
    """As :func:`written`; a defect in our words keeps no desk from acting, and people are told.

    Args:
        group: As :func:`grouped` makes them.
        scene: What it is written from.
    """
    try:
        return written(group, scene)
    except Exception:  # noqa: BLE001 it is said in the transaction that halts
        _LOG.exception("what was done could not be put into words")
        event = group[0]
        what = f"{event.get('policy', '')} {event['event']}".strip()
        return Message(what, (reason_of(event), "next: tiltyard report"), "critical", event["at"])


def spoken(message: Message, now: datetime, zone: tzinfo, link: str = "") -> str:
    """A message's text as it is sent.

    Args:
        message: What is said.
        now: UTC.
        zone: For the time of the day.
        link: By which it is acknowledged; empty for none.
    """
    happened = message.at.astimezone(zone)
    when = f"{happened:%a %d %b %H:%M:%S} {happened.tzname()}"
    late = now - message.at
    if late >= LATE:
        when += f", told {_span(late)} later"
    lines = [*message.lines, when]
    if link:
        lines.append(f"Acknowledge: {link}")
    return "\n".join(lines)


def _thing(event: Event, number: int) -> tuple[object, ...]:
    if "command" in event:
        return "command", event["command"]
    if event["event"] == "scale":
        return ("scale",)
    cause = event.get("cause", PERSON)
    return (cause, event["policy"]) if cause not in CAUSES else ("alone", number)


def _strength(event: Event) -> int:
    kind = event["event"]
    if kind in _STRONGEST:
        return _STRONGEST.index(kind)
    return len(_STRONGEST) + _comes_along(event)


def _comes_along(event: Event) -> bool:
    """Whether somebody joins whom nobody asked for: the champion of last resort."""
    return bool(event["event"] == "register" and event["arm"]["name"] == FLAT)


def _done(event: Event, scene: Scene) -> list[str]:
    kind = event["event"]
    if kind == "scale":
        return [f"{scene.short(event['policy'])} {traffic(event)}: {reason_of(event)}"]
    if _comes_along(event):
        return []
    if kind == "register":
        arm = event["arm"]
        return [f"{arm['state']}, traffic {percent(arm['share'])}"]
    lines = []
    if kind in ("halt", "throttle", "resume", "rearm", "retire", "crown", "admit"):
        whom = f"{scene.short(event['policy'])} " if kind == "crown" else ""
        then = {"halt": ", halted; only a person re-arms", "throttle": ", paper goes on"}.get(kind)
        lines.append(f"{whom}{traffic(event)}{then or ''}")
    elif kind == "freeze_challengers":
        lines.append("every challenger: traffic -> 0 %")
    elif kind == "stop_entries":
        lines.append("no entries for anyone, the champion included")
    elif kind == "freeze_ramp":
        lines.append("shares may fall and not grow, until it has passed")
    elif kind == "propose_rollback":
        lines.append("the desk changes nothing: a person decides")
    if kind in ("halt", "freeze_challengers", "throttle") and scene.roster.arms:
        champion = scene.roster.champion()
        lines.append(f"the champion, {scene.short(champion.name)}, has {percent(champion.share)}")
    return lines


def _why(event: Event, scene: Scene) -> list[str]:
    lines = []
    guard = scene.guard(event)
    if "command" in event:
        of = [f"it was held by {guard.name}"] if guard and event["event"] in _ENDS.values() else []
        return [*of, *([f"reason: {reason}"] if (reason := reason_of(event)) else [])]
    if guard is not None:
        lines.append(f"by {guard.name}{_made_from(guard.metric, event.get('samples') or 0)}")
        plain = f"{guard.metric} {guard.when}"
        if event.get("value") is None or event["event"] == "resume":
            lines += [reason_of(event)] if reason_of(event) not in ("", plain) else []
    elif event["event"] not in ("scale", "register") and (reason := reason_of(event)):
        lines.append(reason)
    if event.get("episodes", 1) > 1:
        lines.append(f"{event['episodes']} times by now")
    if event.get("lasts") is False and event["event"] in ("page", "review", "freeze_ramp"):
        lines.append("over by now")
    return lines


def _made_from(metric: str, samples: int) -> str:
    """From how much a number was made; of most gauges that says nothing."""
    what = _COUNTED.get(metric, "" if metric in GAUGES else "trade")
    return f", {samples:,} {what}{'' if samples == 1 else 's'}" if samples and what else ""


def _open(event: Event, scene: Scene) -> list[str]:
    """What is still open: as the event says, or by the last marks of everybody."""
    if "open" in event:
        return str(event["open"]).split("; ")
    if event["event"] not in _SAYS_WHAT_IS_OPEN or event["cause"] in (LEFT_OPEN, JOB, DRILL):
        return []
    held = [
        f"{scene.short(name)} {last.left}{_exposure(last)}"
        for name, last in sorted(scene.marks.items())
        if last.left and name in scene.roster.arms and event["policy"] in ("", name)
    ]
    return [f"open positions: {', '.join(held)}"] if held else ["open positions: none is known"]


def _exposure(last: LastMark) -> str:
    mark = last.mark
    if mark.exposure is None:
        return ""
    return f" ({money_text(mark.exposure)} {mark.currency}".rstrip() + ")"


def _next(event: Event, scene: Scene) -> list[str]:
    kind, policy = event["event"], event.get("policy", "")
    short = quote(scene.short(policy)) if policy else ""
    commands = []
    if kind in ("halt", "throttle") and event.get("cause") != "rollback":
        commands = [f"tiltyard report {short} --trades", *_review(event, scene)]
    elif kind == "review":
        commands = _review(event, scene) or [f"tiltyard report {short}"]
    elif kind in _ENDS:
        commands = [f"tiltyard resume {_hold(event)}"]
    elif kind == "propose_rollback":
        commands = [f"tiltyard report {short}", f"tiltyard policy rollback {short}"]
    elif kind == "propose_promotion":
        commands = [f"tiltyard report {short}", f"tiltyard policy approve {short}"]
    elif kind == "restart_learner" or _is_of_the_learner(event, scene):
        commands = ["tiltyard learner status"]
    elif kind == "page" and event["cause"] != DRILL:
        commands = [_where_to_look(event, short)]
    elif kind in ("crown", "register"):
        commands = ["tiltyard policy list"]
    elif kind == "expire_proposal":
        commands = [f"tiltyard report {short}"]
    return [f"next: {command}" for command in commands]


def _where_to_look(event: Event, short: str) -> str:
    if event["cause"] == JOB:
        return f"tiltyard jobs show {quote(str(event['run']))}"
    return f"tiltyard report {short}".rstrip()


def _is_of_the_learner(event: Event, scene: Scene) -> bool:
    guard = scene.guard(event)
    return guard is not None and guard.metric == "learner_running"


def _review(event: Event, scene: Scene) -> list[str]:
    own = [
        one.number
        for one in scene.roster.open_reviews(event["policy"])
        if one.guard == event["cause"]
    ]
    return [f"tiltyard review ack {own[-1]}"] if own else []


def _hold(event: Event) -> str:
    """The name by which ``resume`` ends what was put on hold."""
    if event["cause"] != PERSON:
        return str(event["cause"])
    return {str(end): name for end, name in NAMES.items()}[_ENDS[event["event"]]]


def _span(time: timedelta) -> str:
    minutes = time // timedelta(minutes=1)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004
