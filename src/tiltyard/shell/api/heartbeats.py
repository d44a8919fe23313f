"""``/v1/heartbeats``: the bots of some policies say that they live.

A heartbeat is an observation, kept for good; so of those of a policy one a minute is written.
One that is stamped ahead is kept apart as any other is, and silences nobody.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, cast

from fastapi import APIRouter, Depends

from tiltyard.facts.observation import Observation
from tiltyard.kernel.clock import FUTURE
from tiltyard.metrics.catalogue import HEARTBEAT
from tiltyard.shell.api import wire
from tiltyard.shell.api.facts import written
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.api.items import ItemFault, read_facts
from tiltyard.shell.api.reports import Facts, ItemsRefused
from tiltyard.shell.store.token_table import Token

BEATS_APART = timedelta(minutes=1)
"""Of the heartbeats of a policy's bot one in so long is written; guards wait many times as long."""
_Beat = tuple[int, Observation]
"""Where in its batch it stands, and what it says."""


def heartbeat_routes(inside: Inside) -> APIRouter:
    """The address for heartbeats."""
    router = APIRouter(prefix="/v1", tags=["facts"])
    Reporter = Annotated[Token, Depends(inside.gate.lets_in("ingest"))]  # noqa: N806 a type
    beats = _Beats()

    @router.post("/heartbeats")
    async def report_heartbeats(batch: wire.HeartbeatBatch, _: Reporter) -> wire.Taken:
        """Say that the bots of some policies live; one a minute of each is kept."""
        rows = [
            {"name": HEARTBEAT, "number": 1, "observed_at": one.at, "policy": one.policy}
            for one in batch.heartbeats
        ]
        found, faults = read_facts("observations", rows)
        if faults:
            places = {"observed_at": "at"}
            raise ItemsRefused(
                "heartbeats",
                [ItemFault(f.item, places.get(f.place, f.place), f.message) for f in faults],
            )
        now = inside.now() + FUTURE
        told = list(enumerate(cast("Sequence[Observation]", found)))
        kept = beats.worth_keeping([(item, one) for item, one in told if one.observed_at <= now])
        chosen = [*kept, *((item, one) for item, one in told if one.observed_at > now)]
        report = Facts("observations", [one for _, one in chosen])
        taken = await written(inside, report, items=[item for item, _ in chosen])
        beats.have_kept(one for _, one in kept)
        passed_over = len(told) - len(chosen)
        return taken.model_copy(update={"unchanged": taken.unchanged + passed_over})

    return router


class _Beats:
    """Which heartbeats are written."""

    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def worth_keeping(self, beats: Sequence[_Beat]) -> list[_Beat]:
        """Those that tell something new; the newest of each policy."""
        newest: dict[str, _Beat] = {}
        for item, beat in beats:
            known = newest.get(beat.policy)
            if known is None or known[1].observed_at < beat.observed_at:
                newest[beat.policy] = item, beat
        return [
            (item, beat)
            for item, beat in newest.values()
            if beat.policy not in self._last
            or beat.observed_at - self._last[beat.policy] >= BEATS_APART
        ]

    def have_kept(self, beats: Iterable[Observation]) -> None:
        """They are committed."""
        self._last |= {beat.policy: beat.observed_at for beat in beats}
