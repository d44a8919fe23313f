"""``/v1/trades``, ``/v1/marks`` and the others: what bots report.

A batch is taken whole or not at all, and the same batch again changes nothing. The answer
comes when it is committed; what the desk does about it follows at once.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, cast

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from tiltyard.facts import cells
from tiltyard.facts.decision import Decision
from tiltyard.facts.observation import Observation
from tiltyard.kernel.clock import FUTURE
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import storable
from tiltyard.metrics.catalogue import HEARTBEAT
from tiltyard.router.split import Split
from tiltyard.shell.api import wire
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.api.items import ItemFault, Row, read_facts, read_trades
from tiltyard.shell.api.reports import FactKind, Facts, ItemsRefused, Trades, Written
from tiltyard.shell.store.token_table import Token

BEATS_APART = timedelta(minutes=1)
"""Of the heartbeats of a policy's bot one in so long is written; guards wait many times as long."""


def fact_routes(inside: Inside) -> APIRouter:
    """The addresses for facts."""
    router = APIRouter(prefix="/v1", tags=["facts"])
    ingest = inside.gate.lets_in("ingest")
    Reporter = Annotated[Token, Depends(ingest)]  # noqa: N806 a type
    beats = _Beats()

    @router.post("/trades")
    async def report_trades(batch: wire.TradeBatch, token: Reporter) -> wire.Taken:
        """Report closed trades."""
        source = _source(batch.source, token)
        trades, faults = read_trades(source, _rows(batch.trades))
        if faults:
            raise ItemsRefused("trades", faults)
        once = list(dict.fromkeys(trades))  # told twice, it is one
        taken = await _written(inside, Trades(token.name, source, once))
        return taken.model_copy(update={"unchanged": taken.unchanged + len(trades) - len(once)})

    @router.post("/marks")
    async def report_marks(batch: wire.MarkBatch, _: Reporter) -> wire.Taken:
        """Report what open positions are worth; 0 open positions means that an arm is flat."""
        return await _take(inside, "marks", batch.marks)

    @router.post("/observations")
    async def report_observations(batch: wire.ObservationBatch, _: Reporter) -> wire.Taken:
        """Report gauges: an account's balance, the error rate of a venue."""
        return await _take(inside, "observations", batch.observations)

    @router.post("/decisions")
    async def report_decisions(batch: wire.DecisionBatch, _: Reporter) -> wire.Taken:
        """Report to which arms episodes were given, by a bot that has chosen by itself."""
        found, faults = read_facts("decisions", _rows(batch.decisions))
        faults += _misrouted(inside, cast("Sequence[Decision]", found)) if not faults else ()
        if faults:
            raise ItemsRefused("decisions", faults)
        return await _written(inside, Facts("decisions", found))

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
        told = cast("Sequence[Observation]", found)
        kept = beats.worth_keeping([one for one in told if one.observed_at <= now])
        ahead = [one for one in told if one.observed_at > now]
        taken = await _written(inside, Facts("observations", [*kept, *ahead]))
        beats.have_kept(kept)
        passed_over = len(told) - len(kept) - len(ahead)
        return taken.model_copy(update={"unchanged": taken.unchanged + passed_over})

    return router


class _Beats:
    """Which heartbeats are written."""

    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def worth_keeping(self, beats: Sequence[Observation]) -> list[Observation]:
        """Those that tell something new; the newest of each policy."""
        newest: dict[str, Observation] = {}
        for beat in beats:
            known = newest.get(beat.policy)
            if known is None or known.observed_at < beat.observed_at:
                newest[beat.policy] = beat
        return [
            beat
            for policy, beat in newest.items()
            if policy not in self._last or beat.observed_at - self._last[policy] >= BEATS_APART
        ]

    def have_kept(self, beats: Sequence[Observation]) -> None:
        """They are committed."""
        self._last |= {beat.policy: beat.observed_at for beat in beats}


def _misrouted(inside: Inside, decisions: Sequence[Decision]) -> Iterator[ItemFault]:
    """Decisions that the shares they name would not have made, as far as those are known."""
    ahead, salt = inside.now() + FUTURE, inside.salt()
    for item, one in enumerate(decisions):
        if one.decided_at > ahead:
            yield ItemFault(item, "decided_at", "it lies in the future")
        elif not one.share_revision and one.propensity != 1:
            yield ItemFault(item, "propensity", "expected 1: with revision 0 one arm has all")
        elif shares := inside.shares.told(one.share_revision):
            policy, propensity, _ = Split(shares, revision=one.share_revision, salt=salt).choose(
                one.episode_id
            )
            if (policy, propensity) != (one.policy, one.propensity):
                said = f"expected {policy!r} with propensity {propensity:g}, by revision"
                yield ItemFault(item, "policy", f"{said} {one.share_revision} and this episode")


async def _take(inside: Inside, kind: FactKind, items: Sequence[BaseModel]) -> wire.Taken:
    found, faults = read_facts(kind, _rows(items))
    if faults:
        raise ItemsRefused(kind, faults)
    return await _written(inside, Facts(kind, found))


async def _written(inside: Inside, report: Trades | Facts) -> wire.Taken:
    if not len(report):
        return wire.Taken(new=0, corrected=0, unchanged=0, quarantined=0)
    answer = await asyncio.wrap_future(inside.recorder.put(report))
    return wire.Taken(**cast("Written", answer))


def _rows(items: Sequence[BaseModel]) -> list[Row]:
    return [item.model_dump(exclude_none=True) for item in items]


def _source(said: str | None, token: Token) -> str:
    """Nobody reports as somebody else: a source that is named is one of the token's own."""
    source = token.name if not said or said == token.name else f"{token.name}/{said}"
    try:
        return cells.text(storable(source))
    except ValueError as error:
        raise TiltyardError("REQUEST_INVALID", "source", str(error)) from None
