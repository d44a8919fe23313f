"""What was done, in words that a phone can show: a title, and a few short lines.

:func:`grouped` puts together what is one thing to people: all that a guard did to one arm in a
step, all that followed from one command, all shares that moved in one night. :func:`written`
says it: what happened, of whom, the number against its limit; what was done; what is still open;
and what to type next. :func:`spoken` is the text as it is sent, which says when it happened.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from shlex import quote

from tiltyard.actions.on_hold import NAMES
from tiltyard.actions.record import Event
from tiltyard.checklist.guard import Checklist, Guard, Severity
from tiltyard.facts.action import CAUSES, PERSON
from tiltyard.facts.arm import FLAT, Roster
from tiltyard.facts.mark import LastMark
from tiltyard.kernel.money import money_text
from tiltyard.metrics.catalogue import SHADOW, spec_of
from tiltyard.policies.name import parse
from tiltyard.shell.left_open import LEFT_OPEN
from tiltyard.shell.notify.severity import severity_of

LATE = timedelta(minutes=2)
"""What is told so much later says how late it is."""
_STRONGEST = (
    "halt", "stop_entries", "freeze_challengers", "throttle", "propose_rollback", "freeze_ramp",
    "page", "review",
)  # fmt: skip
_WORST: Sequence[Severity] = ("critical", "warning", "info")
_METRICS: Mapping[str, str] = {
    "dd_challenger_pct": "drawdown", "dd_150": "drawdown in 150 trades",
    "pf_challenger_30": "profit factor of 30 trades", "profit_factor": "profit factor",
    "pf_150": "profit factor of 150 trades", "pf_prod": "the champion's profit factor",
    "pf_30_with_shadow": "profit factor with paper",
    "account_drawdown_pct": "the account's drawdown",
    "account_daily_loss_pct": "loss today", "account_balance": "balance",
    "api_error_rate": "failed calls", "encoder_kl_divergence": "encoder drift",
    "gpu_util_pct": "GPU in use", "consecutive_losses": "losses in a row",
    "win_rate": "win rate", "expectancy_r": "mean R",
}  # fmt: skip
_ENDS: Mapping[str, str] = {
    "stop_entries": "allow_entries", "freeze_challengers": "unfreeze_challengers",
    "freeze_ramp": "unfreeze_ramp",
}  # fmt: skip
_SAYS_WHAT_IS_OPEN = frozenset({"stop_entries", "freeze_challengers", "page", "propose_rollback"})
_UNITS: Mapping[str, str] = {"percent": " %", "nats": " nats", "R": " R"}
_LONGEST_TITLE, _LONGEST_REASON = 150, 160
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


@dataclass(frozen=True, slots=True)
class Scene:
    """What a message is written from, beside what was done.

    Attributes:
        roster: As it is afterwards.
        marks: The last of each arm.
        checklist: The one in force.
    """

    roster: Roster
    marks: Mapping[str, LastMark]
    checklist: Checklist

    def guard(self, event: Event) -> Guard | None:
        """The guard that an event follows from; None where none did."""
        cause = event.get("cause", PERSON)
        return next((one for one in self.checklist.guards if one.name == cause), None)

    def short(self, policy: str) -> str:
        """The end of a policy's name that no other ends with."""
        suffix = parse(policy).sha8 or policy
        others = [name for name in self.roster.arms if name != policy]
        return policy if any(name.endswith(suffix) for name in others) else suffix


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
    title = _TITLES.get(event["event"], _other)(event, scene)
    if is_night := event["event"] == "scale" and len(group) > 1:
        title = f"{len(group)} shares were moved"
    is_one = event["event"] == "scale" and not is_night
    lines = [
        *([_reason(event)] if is_one else [line for one in group for line in _done(one, scene)]),
        *_why(event, scene), *_open(event, scene), *_next(event, scene),
    ]  # fmt: skip
    severity = min(severities, key=_WORST.index)
    title = _cut(title, _LONGEST_TITLE)
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
        return Message(what, (_reason(event), "next: tiltyard report"), "critical", event["at"])


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


# titles ---------------------------------------------------------------------------------------


def _about_arm(what: str) -> Callable[[Event, Scene], str]:
    def title(event: Event, scene: Scene) -> str:
        return f"{scene.short(event['policy'])} {what}{_because(event, scene)}"

    return title


def _about_all(what: str) -> Callable[[Event, Scene], str]:
    def title(event: Event, scene: Scene) -> str:
        return f"{what}{_because(event, scene)}"

    return title


def _paged(event: Event, scene: Scene) -> str:
    whom = scene.short(event["policy"]) if event["policy"] else _words(event["cause"])
    measured = _measured(event, scene)
    if event["cause"] == LEFT_OPEN:
        may = "may still hold" if "not known" in event["reason"] else "still holds"
        return f"{whom} {may} positions"
    return f"{whom}: {measured}" if measured else f"{whom}: look at it"


def _joined(event: Event, scene: Scene) -> str:
    arm = event["arm"]
    return f"{scene.short(arm['name'])} registered as {arm['role']} by {event['actor']}"


def _moved(event: Event, scene: Scene) -> str:
    return f"{scene.short(event['policy'])} {_traffic(event)}"


def _acknowledged(event: Event, scene: Scene) -> str:
    number = event.get("number", 0)
    return f"Review {number} of {scene.short(event['policy'])} acknowledged by {event['actor']}"


def _expired(event: Event, scene: Scene) -> str:
    return f"The {event['cause']} of {scene.short(event['policy'])} has expired"


def _other(event: Event, scene: Scene) -> str:
    whom = f"{scene.short(event['policy'])}: " if event.get("policy") else ""
    return f"{whom}{_words(str(event['event']))}{_because(event, scene)}"


_TITLES: Mapping[str, Callable[[Event, Scene], str]] = {
    "halt": _about_arm("halted"),
    "throttle": _about_arm("throttled"),
    "stop_entries": _about_all("Nobody enters any more"),
    "freeze_challengers": _about_all("All challengers lost their traffic"),
    "freeze_ramp": _about_all("No share grows"),
    "propose_rollback": _about_arm("is to be rolled back"),
    "propose_promotion": _about_arm("could be the champion"),
    "review": _about_arm("wants a look"),
    "page": _paged,
    "register": _joined,
    "admit": _about_arm("is on trial"),
    "scale": _moved,
    "resume": _about_arm("is back"),
    "rearm": _about_arm("is on trial again"),
    "retire": _about_arm("retired"),
    "crown": _about_arm("is the champion"),
    "acknowledge": _acknowledged,
    "allow_entries": _about_all("Entries are allowed again"),
    "unfreeze_challengers": _about_all("Challengers have their traffic again"),
    "unfreeze_ramp": _about_all("Shares may grow again"),
    "expire_proposal": _expired,
    "refresh_encoder": _about_arm("has its encoder refreshed tonight"),
    "restart_learner": _about_all("The learner is to be restarted"),
}


def _because(event: Event, scene: Scene) -> str:
    """The number against its limit, or who wanted it; after a colon."""
    if "command" in event:
        return f", by {event['actor']}"
    if measured := _measured(event, scene):
        return f": {measured}"
    return ": the desk fell silent" if event.get("cause") == "deadman" else ""


def _measured(event: Event, scene: Scene) -> str:
    """What a guard has measured against its limit; empty where no guard did."""
    guard = scene.guard(event)
    if guard is None:
        return ""
    back = guard.clear if event["event"] == "resume" else None
    metric = back.metric or guard.metric if back else guard.metric
    compared = back.when if back else guard.when
    name, unit = _METRICS.get(metric, _words(metric.removesuffix(SHADOW))), spec_of(metric).unit
    if metric == "up":
        return "no answer" if event["value"] is not None else "nothing is heard"
    value, limit = event["value"], event["limit"]
    if value is None:
        return f"{name} is not known"
    if limit is None:
        return f"{name} {_number(float(value), unit)}"
    return f"{name} {_beside(float(value), float(limit), compared.sign, unit)}"


# lines ----------------------------------------------------------------------------------------


def _done(event: Event, scene: Scene) -> list[str]:
    kind = event["event"]
    if kind == "scale":
        return [f"{scene.short(event['policy'])} {_traffic(event)}: {_reason(event)}"]
    if _comes_along(event):
        return []
    if kind == "register":
        arm = event["arm"]
        return [f"{arm['state']}, traffic {_percent(arm['share'])}"]
    lines = []
    if kind in ("halt", "throttle", "resume", "rearm", "retire", "crown", "admit"):
        whom = f"{scene.short(event['policy'])} " if kind == "crown" else ""
        then = {"halt": ", halted; only a person re-arms", "throttle": ", paper goes on"}.get(kind)
        lines.append(f"{whom}{_traffic(event)}{then or ''}")
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
        lines.append(f"the champion, {scene.short(champion.name)}, has {_percent(champion.share)}")
    return lines


def _why(event: Event, scene: Scene) -> list[str]:
    lines = []
    guard = scene.guard(event)
    if "command" in event:
        of = [f"it was held by {guard.name}"] if guard and event["event"] in _ENDS.values() else []
        return [*of, *([f"reason: {reason}"] if (reason := _reason(event)) else [])]
    if guard is not None:
        trades = f", {event['samples']:,} trades" if event.get("samples") else ""
        lines.append(f"by {guard.name}{trades}")
        plain = f"{guard.metric} {guard.when}"
        if event.get("value") is None or event["event"] == "resume":
            lines += [_reason(event)] if _reason(event) not in ("", plain) else []
    elif event["event"] not in ("scale", "register") and (reason := _reason(event)):
        lines.append(reason)
    if event.get("episodes", 1) > 1:
        lines.append(f"{event['episodes']} times by now")
    if event.get("lasts") is False and event["event"] in ("page", "review", "freeze_ramp"):
        lines.append("over by now")
    return lines


def _open(event: Event, scene: Scene) -> list[str]:
    """What is still open: as the event says, or by the last marks of everybody."""
    if "open" in event:
        return str(event["open"]).split("; ")
    if event["event"] not in _SAYS_WHAT_IS_OPEN or event["cause"] == LEFT_OPEN:
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
    elif kind == "page":
        commands = [f"tiltyard report {short}".rstrip()]
    elif kind in ("crown", "register"):
        commands = ["tiltyard policy list"]
    elif kind == "expire_proposal":
        commands = [f"tiltyard report {short}"]
    return [f"next: {command}" for command in commands]


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


def _traffic(event: Event) -> str:
    before, after = (_percent(event.get(name)) for name in ("before", "after"))
    return f"traffic {before} -> {after}"


def _percent(share: object) -> str:
    if share is None:
        return "?"
    number = float(str(share))
    return f"{100 * number:.1f} %" if number else "0 %"


def _number(value: float, unit: str) -> str:
    return f"{value:,.4g}{_UNITS.get(unit, '')}"


def _beside(value: float, limit: float, sign: str, unit: str) -> str:
    """A number against its limit; with as many digits as it takes to tell them apart."""
    told, against = _number(value, unit), _number(limit, unit)
    if value != limit and f"{value:.4g}" == f"{limit:.4g}":
        told = f"{value:.8g}{_UNITS.get(unit, '')}"
    return f"{told} {sign} {against}"


def _reason(event: Event) -> str:
    return _cut(str(event.get("reason", "")), _LONGEST_REASON)


def _cut(text: str, longest: int) -> str:
    """In one line, and no longer than that."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize() if name.islower() else name.replace("_", " ")


def _span(time: timedelta) -> str:
    minutes = time // timedelta(minutes=1)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004
