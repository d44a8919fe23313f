"""``/v1/alerts``: where Alertmanager tells the desk what Prometheus has seen.

Every alert is written down first, then what follows from it is asked for as any other verb is
(:mod:`tiltyard.actions.from_alert`). What cannot be done now is answered with 503, and
Alertmanager tells it again; told again it is the same command.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from functools import partial
from typing import Annotated, Literal

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tiltyard.actions.from_alert import Answer, Known, answer
from tiltyard.facts.alert import Alert
from tiltyard.facts.command import VERBS
from tiltyard.kernel.text import shortened, storable
from tiltyard.shell.api import wire
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.commanding import ask, command_of
from tiltyard.shell.store.alert_table import (
    Received,
    holds_ended,
    note_alerts,
    note_what_followed,
    received_alerts,
)
from tiltyard.shell.store.desk_record import read_memories
from tiltyard.shell.store.token_table import Token

MOST_ALERTS = 1000
SHOWN = 200
AT_ONCE = 4
_LONGEST_NAME = 200


class _Told(BaseModel):
    """Alertmanager's own shape; what later versions add is passed over."""

    model_config = ConfigDict(extra="ignore")


class AlertItem(_Told):
    """One alert."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: Annotated[AwareDatetime, Field(alias="startsAt")]
    fingerprint: str = ""


class AlertBatch(_Told):
    """What Alertmanager posts to a webhook, version 4."""

    version: Literal["4"]
    alerts: Annotated[list[AlertItem], Field(max_length=MOST_ALERTS)]


def alert_routes(inside: Inside) -> APIRouter:
    """The address for alerts."""
    router = APIRouter(prefix="/v1", tags=["alerts"])
    told_at_once = anyio.CapacityLimiter(AT_ONCE)
    looks_at_once = anyio.CapacityLimiter(AT_ONCE)

    @router.post("/alerts")
    async def take_alerts(
        batch: AlertBatch, token: Annotated[Token, Depends(inside.gate.lets_in("operate"))]
    ) -> wire.AlertsTaken:
        """Take what Alertmanager tells: what it calls for is asked of the desk, once."""
        alerts = list(dict.fromkeys(map(_alert, batch.alerts)))
        answers = await anyio.to_thread.run_sync(_note, inside, alerts, limiter=told_at_once)
        doing = [
            anyio.to_thread.run_sync(_do, inside, token, alert, what, limiter=told_at_once)
            for alert, what in sorted(zip(alerts, answers, strict=True), key=_most_urgent_first)
        ]
        said = await asyncio.gather(*doing, return_exceptions=True)
        for one in said:
            if isinstance(one, BaseException):
                raise one
        return wire.AlertsTaken(alerts=[one for one in said if isinstance(one, wire.AlertSaid)])

    @router.get("/alerts", dependencies=[Depends(inside.gate.lets_in("read"))])
    async def list_alerts() -> wire.AlertsReceived:
        """Tell which alerts came, the newest first, and what followed."""
        found = await anyio.to_thread.run_sync(_received, inside, limiter=looks_at_once)
        return wire.AlertsReceived(alerts=[alert_state(one) for one in found])

    return router


def alert_state(received: Received) -> wire.AlertState:
    """An episode of an alert, as it goes over the wire."""
    alert = received.alert
    return wire.AlertState(
        name=alert.name, guard=alert.guard, policy=alert.policy, status=alert.status,
        is_test=alert.is_test, starts_at=alert.starts_at, first_at=received.first_at,
        last_at=received.last_at, times=received.times, said=received.said,
    )  # fmt: skip


def _alert(item: AlertItem) -> Alert:
    labels = item.labels
    own = hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16]
    return Alert(
        fingerprint=_name(item.fingerprint or own),
        starts_at=item.starts_at.astimezone(UTC),
        status=item.status,
        name=_name(labels.get("alertname", "")),
        guard=_name(labels.get("guard", "")),
        policy=_name(labels.get("policy", "")),
        summary=shortened(storable(item.annotations.get("summary", ""))),
        is_test=_is_test(labels),
    )


def _is_test(labels: Mapping[str, str]) -> bool:
    return labels.get("test", "") not in ("", "false")


def _name(text: str) -> str:
    return storable(text)[:_LONGEST_NAME]


def _most_urgent_first(asked: tuple[Alert, Answer]) -> int:
    verb = asked[1].verb
    return len(VERBS) if verb is None else VERBS.index(verb)


def _note(inside: Inside, alerts: Sequence[Alert]) -> list[Answer]:
    checklist = inside.settings.checklist
    modes = {guard.name: guard.mode for guard in checklist.guards}
    with inside.door.transaction() as own:
        note_alerts(own.connection, alerts, inside.now())
        roster = own.roster()
        known = Known(read_memories(own.connection, modes), holds_ended(own.connection))
    return [answer(alert, checklist, roster, known, observes=inside.observes) for alert in alerts]


def _do(inside: Inside, token: Token, alert: Alert, what: Answer) -> wire.AlertSaid:
    said = what.said
    if what.verb is not None:
        command = command_of(
            what.verb, what.policy, {"alert": alert.name},
            reason=f"{alert.name}: {what.said}", actor=token.name,
            key=alert.key(what.verb), now=inside.now(),
        )  # fmt: skip
        asking = partial(ask, holder=inside.holder, targets=inside.targets)
        said = asking(inside.door, inside.settings, command, inside.times).text
    with inside.door.transaction() as own:
        note_what_followed(own.connection, alert, said)
    return wire.AlertSaid(name=alert.name, policy=alert.policy, said=said)


def _received(inside: Inside) -> Sequence[Received]:
    with inside.door.snapshot() as still:
        return received_alerts(still.connection, SHOWN)
