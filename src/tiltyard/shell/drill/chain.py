"""What can only be tried where it is: the running desk, its people, and Alertmanager.

The desk is told of the drill by a command, like any other, and pages its people about it, in words
that say that nothing has happened. So its queue, its commit, its couriers and its phones are the
real ones. An alert that says that it is a test goes through Alertmanager and back to the desk, and
Prometheus is asked whether it judges by the same checklist.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tiltyard.actions.movement import MOVING
from tiltyard.actions.record import Event
from tiltyard.checklist.guard import Checklist
from tiltyard.facts.action import DRILL
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.alerts.checking import by_prometheus
from tiltyard.shell.alerts.rules import alerts
from tiltyard.shell.alerts.servers import Server
from tiltyard.shell.alerts.trying import BETWEEN, try_out, wait_at_the_desk
from tiltyard.shell.commanding import Times, ask, command_of
from tiltyard.shell.drill.breaching import SOURCE
from tiltyard.shell.effects.announce import shares_body
from tiltyard.shell.notify.people import told_at_once
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.alert_table import was_told
from tiltyard.shell.store.audit_table import audit_position
from tiltyard.shell.store.lease import holder_of
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import FOR_PEOPLE, NOTICE, Effect, effects_after, last_effect
from tiltyard.shell.targets import Target

State = Literal["there", "lost", "not set up"]


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain.

    Attributes:
        name: ``desk``, ``people``, ``targets``, ``alert`` …
        state: ``not set up`` where the settings name nobody.
        said: What came of it, for people.
        seconds: Since it was begun; None where that says nothing.
    """

    name: str
    state: State
    said: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class House:
    """Where a drill is told of.

    Attributes:
        ledger: That the desk runs on.
        settings: In force.
        times: Clocks.
        targets: Whom the settings name outside.
        within: Seconds that each link may take.
    """

    ledger: Ledger
    settings: Settings
    times: Times
    targets: Mapping[str, Target]
    within: float


def told(house: House, stamp: str, said: str, actor: str) -> Iterator[Link]:
    """Tell the desk, and see whom it tells.

    Args:
        house: Where.
        stamp: Of the drill.
        said: What came of its breaches, for people.
        actor: Who drills.

    Raises:
        TiltyardError: What keeps the ledger from being read.
    """
    ledger, times = house.ledger, house.times
    with ledger.snapshot() as still:
        desk = holder_of(still.connection, times.now())
        effects, audited = last_effect(still.connection), audit_position(still.connection)
        shares = shares_body(still.roster())
    if desk is None or not desk.checklist:  # a command may have the lease for a moment
        yield Link("desk", "lost", "none runs, so nobody judges: tiltyard run")
        return
    began = times.steady()
    command = command_of(
        "drill", "", {"drill": stamp}, reason=f"{stamp}: {said}", actor=actor, key=f"drill/{stamp}",
        now=times.now(),
    )  # fmt: skip
    try:
        answer = ask(
            ledger, house.settings, command, times, holder=SOURCE, targets={},
            patience=house.within, stands_in=False,
        )  # fmt: skip
    except TiltyardError as error:
        yield Link("desk", "lost", f"{error.code}: {error.facts}. {error.remedy}")
        return
    if answer.refused:
        yield Link("desk", "lost", answer.text)
        return
    took = times.steady() - began
    written = [json.loads(row.body) for row in ledger.audit(after=audited)]
    yield _of_desk(written, house.settings.checklist, took)
    yield from _of_effects(house, stamp, effects, began)
    with ledger.snapshot() as still:
        after = shares_body(still.roster())
    since = [json.loads(row.body) for row in ledger.audit(after=audited)]
    yield _of_shares(shares, after, since)


def _of_desk(written: Sequence[Event], checklist: Checklist, seconds: float) -> Link:
    """It has written down that there is a drill, and by which checklist it judges."""
    own = next((one for one in written if one.get("cause") == DRILL), None)
    if own is None:
        return Link("desk", "lost", "it answered, and the audit does not tell of the drill")
    if own["checklist"] != checklist.digest:
        facts = f"it judges by checklist {own['checklist'][:12]}, and the settings give another"
        return Link("desk", "lost", f"{facts}: start it again", seconds)
    if own["observes"]:
        return Link("desk", "lost", "it only observes, so no breach would change anything", seconds)
    return Link("desk", "there", "it has written the drill into its audit", seconds)


def _of_effects(house: House, stamp: str, after: int, began: float) -> Iterator[Link]:
    """Whom it tells, each when it was told."""
    times = house.times
    waiting = _requested(house.ledger, stamp, after)
    asked = {effect.target for effect in waiting.values()}
    people, others = _named(house)
    for link, name in [*(("people", one) for one in people), *(("targets", one) for one in others)]:
        if name not in asked:
            yield Link(link, "lost", f"{name}: the desk does not know of it: start it again")
    if not people and not any(effect.kind in FOR_PEOPLE for effect in waiting.values()):
        yield Link("people", "not set up", "the settings name nobody who is told of what is urgent")
    while waiting and times.steady() - began <= house.within:
        for key, effect in _requested(house.ledger, stamp, after).items():
            if key in waiting and effect.state != "requested":
                del waiting[key]
                yield _settled(effect, times.steady() - began)
        if waiting:
            times.wait(BETWEEN)
    for effect in waiting.values():
        said = f": {effect.told}" if effect.told else ""
        facts = f"{effect.target} has not taken it within {house.within:g} s{said}"
        yield Link(_whose(effect), "lost", facts)


def _named(house: House) -> tuple[list[str], list[str]]:
    """Which people, and who else, is to be told of what is critical, by the settings."""
    people = [one.target for one in told_at_once(house.settings.notify.recipient)]
    return people, [name for name, one in house.targets.items() if NOTICE in one.takes]


def _requested(ledger: Ledger, stamp: str, after: int) -> dict[str, Effect]:
    with ledger.snapshot() as still:
        return {
            one.key: one
            for one in effects_after(still.connection, after)
            if one.kind in (NOTICE, *FOR_PEOPLE) and stamp in one.body
        }


def _settled(effect: Effect, seconds: float) -> Link:
    if effect.state == "failed":
        return Link(_whose(effect), "lost", f"{effect.target}: {effect.told}", seconds)
    return Link(_whose(effect), "there", f"{effect.target} has taken it", seconds)


def _whose(effect: Effect) -> str:
    return "targets" if effect.kind == NOTICE else "people"


def _of_shares(before: object, after: object, since: Sequence[Event]) -> Link:
    """Who gets how much is as it was, or was moved by what somebody else has done."""
    if before == after:
        return Link("shares", "there", "nobody's live share has moved")
    causes = {
        f"{one['event']} by {one.get('cause', one.get('actor', 'nobody'))}"
        for one in since
        if one["event"] in MOVING or one["event"] == "register"
    }
    if not causes:
        return Link("shares", "lost", "a live share has moved, and the audit does not say why")
    others = ", ".join(sorted(causes))
    return Link("shares", "there", f"moved meanwhile, and not by the drill: {others}")


def alerted(house: House, now: datetime) -> Iterator[Link]:
    """Send an alert that says that it is a test, and see that Prometheus judges as the desk does.

    Args:
        house: Where; what the settings say of alerts is where it goes.
        now: UTC.
    """
    told_of, times = house.settings.alerts, house.times
    if not told_of.webhook:
        yield Link("alert", "not set up", "alerts.webhook names no address of the desk")
        return
    try:
        arrival = try_out(
            Server("Alertmanager", told_of.alertmanager_url), told_of.desk, "critical",
            secrets.token_hex(4), now=now, seconds=times.steady, pause=times.wait,
            within=house.within,
        )  # fmt: skip
        yield Link("alert", "there", "Alertmanager has it", arrival.seconds)
        back = wait_at_the_desk(
            lambda: _was_told(house.ledger, arrival.fingerprint),
            seconds=times.steady, pause=times.wait, within=house.within,
        )  # fmt: skip
        yield Link("alert", "there", "and the desk was told of it", arrival.seconds + back)
    except TiltyardError as error:
        yield Link("alert", "lost", f"{error.subject}: {error.facts}")
    yield _of_rules(house.settings)


def _was_told(ledger: Ledger, fingerprint: str) -> bool:
    with ledger.snapshot() as still:
        return was_told(still.connection, fingerprint)


def _of_rules(settings: Settings) -> Link:
    told_of = settings.alerts
    rules = alerts(settings.checklist, settings.run.deadman, told_of.desk)
    try:
        faults = list(
            by_prometheus(Server("Prometheus", told_of.prometheus_url), rules, told_of.desk)
        )
    except TiltyardError as error:
        return Link("rules", "lost", f"{error.subject}: {error.facts}")
    if faults:
        more = f", and {len(faults) - 1} more: tiltyard alerts validate" if faults[1:] else ""
        return Link("rules", "lost", faults[0] + more)
    return Link("rules", "there", f"Prometheus judges by the {len(rules)} rules of the checklist")
