"""``/v1/trades``, ``/v1/marks`` and the others: what bots report.

A batch is taken whole or not at all, and the same batch again changes nothing. The answer
comes when it is committed; what the desk does about it follows at once.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, cast

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from tiltyard.facts import cells
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import FUTURE
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import storable
from tiltyard.router.split import Split
from tiltyard.shell.api import wire
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.api.items import ItemFault, Row, read_facts, read_trades
from tiltyard.shell.api.reports import FactKind, Facts, ItemsRefused, Trades, Written
from tiltyard.shell.store.token_table import Token


def fact_routes(inside: Inside) -> APIRouter:
    """The addresses for facts."""
    router = APIRouter(prefix="/v1", tags=["facts"])
    ingest = inside.gate.lets_in("ingest")
    Reporter = Annotated[Token, Depends(ingest)]  # noqa: N806 a type

    @router.post("/trades")
    async def report_trades(batch: wire.TradeBatch, token: Reporter) -> wire.Taken:
        """Report closed trades."""
        source = _source(batch.source, token)
        trades, faults = read_trades(source, _rows(batch.trades))
        faults += _of_the_floor(inside, (one.policy for one, _ in trades)) if not faults else ()
        if faults:
            raise ItemsRefused("trades", faults)
        first: dict[tuple[Trade, bool], int] = {}  # told twice, it is one
        for item, trade in enumerate(trades):
            first.setdefault(trade, item)
        report = Trades(token.name, source, list(first))
        taken = await written(inside, report, items=list(first.values()))
        return taken.model_copy(update={"unchanged": taken.unchanged + len(trades) - len(first)})

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
        return await written(inside, Facts("decisions", found))

    return router


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


def _of_the_floor(inside: Inside, policies: Iterable[str]) -> Iterator[ItemFault]:
    """What is told of arms that the desk trades itself: it knows better what they hold."""
    on_floor = inside.on_floor()
    for item, policy in enumerate(policies):
        if policy in on_floor:
            yield ItemFault(item, "policy", f"the desk trades {policy} itself, on bars")


async def _take(inside: Inside, kind: FactKind, items: Sequence[BaseModel]) -> wire.Taken:
    found, faults = read_facts(kind, _rows(items))
    if kind == "marks" and not faults:
        faults += _of_the_floor(inside, (one.policy for one in cast("Sequence[Mark]", found)))
    if faults:
        raise ItemsRefused(kind, faults)
    return await written(inside, Facts(kind, found))


async def written(inside: Inside, report: Trades | Facts, items: Sequence[int] = ()) -> wire.Taken:
    """What became of a report.

    Args:
        inside: Where it is written.
        report: All of a batch, or what is left of it.
        items: Then, where in the batch each of it stands.
    """
    if not len(report):
        return wire.Taken(new=0, corrected=0, unchanged=0, quarantined=0)
    try:
        answer = await asyncio.wrap_future(inside.recorder.put(report))
    except ItemsRefused as refusal:
        where = items or range(len(report))
        faults = [
            one if one.item is None else replace(one, item=where[one.item]) for one in refusal.items
        ]
        raise ItemsRefused(refusal.subject, faults) from None
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
