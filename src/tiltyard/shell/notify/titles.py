"""What a message is called: what happened, to whom, and the number against its limit."""

from collections.abc import Callable, Mapping

from tiltyard.actions.record import Event
from tiltyard.facts.action import DRILL, JOB
from tiltyard.shell.left_open import LEFT_OPEN
from tiltyard.shell.notify.scene import Scene, cut, measured, traffic, words

_LONGEST = 150


def title_of(event: Event, scene: Scene) -> str:
    """The title of what was done, in one line."""
    return cut(_TITLES.get(event["event"], _other)(event, scene), _LONGEST)


def _about_arm(what: str) -> Callable[[Event, Scene], str]:
    def title(event: Event, scene: Scene) -> str:
        return f"{scene.short(event['policy'])} {what}{_because(event, scene)}"

    return title


def _about_all(what: str) -> Callable[[Event, Scene], str]:
    def title(event: Event, scene: Scene) -> str:
        return f"{what}{_because(event, scene)}"

    return title


def _paged(event: Event, scene: Scene) -> str:
    if event["cause"] == JOB:
        return f"Job {event['run']}: a step failed"
    if event["cause"] == DRILL:
        return "A drill: nothing has happened"
    whom = scene.short(event["policy"]) if event["policy"] else words(event["cause"])
    number = measured(event, scene)
    if event["cause"] == LEFT_OPEN:
        may = "may still hold" if "not known" in event["reason"] else "still holds"
        return f"{whom} {may} positions"
    return f"{whom}: {number}" if number else f"{whom}: look at it"


def _joined(event: Event, scene: Scene) -> str:
    arm = event["arm"]
    return f"{scene.short(arm['name'])} registered as {arm['role']} by {event['actor']}"


def _moved(event: Event, scene: Scene) -> str:
    return f"{scene.short(event['policy'])} {traffic(event)}"


def _acknowledged(event: Event, scene: Scene) -> str:
    number = event.get("number", 0)
    return f"Review {number} of {scene.short(event['policy'])} acknowledged by {event['actor']}"


def _expired(event: Event, scene: Scene) -> str:
    return f"The {event['cause']} of {scene.short(event['policy'])} has expired"


def _other(event: Event, scene: Scene) -> str:
    whom = f"{scene.short(event['policy'])}: " if event.get("policy") else ""
    return f"{whom}{words(str(event['event']))}{_because(event, scene)}"


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
    if number := measured(event, scene):
        return f": {number}"
    return ": the desk fell silent" if event.get("cause") == "deadman" else ""
