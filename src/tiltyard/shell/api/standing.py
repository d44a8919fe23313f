"""``/v1/policies`` and ``/v1/reviews``: how it stands, for people and scripts."""

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends

from tiltyard.actions.on_hold import on_hold
from tiltyard.kernel.money import money_text
from tiltyard.shell.api import wire
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.report.wire import hold_json

AT_ONCE = 4
"""Looks at the ledger at the same time."""


def standing_routes(inside: Inside) -> APIRouter:
    """The addresses that only tell."""
    router = APIRouter(prefix="/v1", tags=["standing"])
    reads = Depends(inside.gate.lets_in("read"))

    at_once = anyio.CapacityLimiter(AT_ONCE)

    @router.get("/policies", dependencies=[reads])
    async def list_policies() -> wire.Arms:
        """Tell every arm as it stands."""
        return await anyio.to_thread.run_sync(_arms, inside, limiter=at_once)

    @router.get("/reviews", dependencies=[reads])
    async def list_reviews() -> wire.Reviews:
        """Tell what waits for a person."""
        return await anyio.to_thread.run_sync(_reviews, inside, limiter=at_once)

    return router


def _reviews(inside: Inside) -> wire.Reviews:
    roster = inside.door.roster()
    reviews = [
        wire.ReviewState(
            number=one.number, policy=one.policy, guard=one.guard,
            opened_at=one.opened_at, advisory=one.advisory,
        )
        for one in roster.open_reviews()
    ]  # fmt: skip
    proposals = [
        wire.ProposalState(
            number=one.number, kind=one.kind, policy=one.policy, opened_at=one.opened_at,
            expires_at=one.expires_at, evidence=one.evidence,
        )
        for one in roster.proposals
        if one.closed_at is None
    ]  # fmt: skip
    return wire.Reviews(reviews=reviews, proposals=proposals)


def _arms(inside: Inside) -> wire.Arms:
    with inside.door.snapshot() as still:
        roster, measured = still.roster(), still.metrics()
    arms = sorted(roster.arms.values(), key=lambda arm: (arm.role != "champion", arm.created_at))
    states = [
        wire.ArmState(
            policy=arm.name, kind=arm.kind, digest=arm.digest or None, role=arm.role,
            state=arm.state, traffic_allocation=arm.share,
            capital=None if arm.capital is None else money_text(arm.capital),
            pf_30=columns.pf_30, pf_150=columns.pf_150, pf_prod=columns.pf_prod,
            dd_150=columns.dd_150, total_trades=columns.total_trades, wins=columns.wins,
            total_pnl=columns.total_pnl, created_at=arm.created_at,
        )
        for arm in arms
        for columns in (measured[arm.name],)
    ]  # fmt: skip
    return wire.Arms(policies=states, on_hold=[hold_json(hold) for hold in on_hold(roster)])
