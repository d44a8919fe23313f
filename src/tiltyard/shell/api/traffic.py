"""``/v1/route``: who gets how much, and who gets this episode.

The shares are those that every target is told, with their expiry; they are in memory, and are
told while the database is away. Who asks about an episode has the answer written down as a
decision first: asked again, it is the same.
"""

import asyncio
from typing import Annotated, cast

from fastapi import APIRouter, Depends

from tiltyard.facts.decision import Decision
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import storable
from tiltyard.shell.api import wire
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.api.reports import Episode
from tiltyard.shell.store.token_table import Token
from tiltyard.shell.targets.held_shares import Held


def traffic_routes(inside: Inside) -> APIRouter:
    """The addresses for traffic."""
    router = APIRouter(prefix="/v1", tags=["traffic"])

    @router.get("/route")
    async def tell_shares(
        _: Annotated[Token, Depends(inside.gate.lets_in("ingest", "read"))],
    ) -> wire.Shares:
        """Say who gets how much, for a bot that chooses by itself."""
        held, salt = _held(inside)
        return _shares(held, salt)

    @router.post("/route")
    async def give_episode(
        asked: wire.EpisodeAsked, _: Annotated[Token, Depends(inside.gate.lets_in("ingest"))]
    ) -> wire.Given:
        """Say who gets this episode, and write it down."""
        held, salt = _held(inside)
        now = inside.now()
        split = held.split(now, salt)
        shares = _shares(held, salt).model_dump()
        if split is None:
            return wire.Given(**shares, choice=None)
        episode = storable(asked.episode_id)
        policy, propensity, revision = split.choose(episode)
        decision = Decision(
            episode, storable(asked.symbol), policy, propensity, revision, now,
            asked.volatility_tercile, now.hour,
        )  # fmt: skip
        given = cast("Decision", await asyncio.wrap_future(inside.recorder.put(Episode(decision))))
        if given.policy in held.only_leave:  # it was given before, and its arm may not enter now
            return wire.Given(**shares, choice=None)
        choice = wire.Choice(
            policy=given.policy, propensity=given.propensity, share_revision=given.share_revision
        )
        return wire.Given(**shares, choice=choice)

    return router


def _held(inside: Inside) -> tuple[Held, str]:
    held = inside.shares.held
    if held is None or not inside.salt():
        raise TiltyardError(
            "NOT_READY", "the shares", "the desk has judged nothing yet", "ask again shortly"
        )
    return held, inside.salt()


def _shares(held: Held, salt: str) -> wire.Shares:
    body = held.body
    said = {name: body[name] for name in ("champion", "entries_stopped_by", "reduce_only",
                                          "revision", "decided_at", "expires_at")}  # fmt: skip
    return wire.Shares.model_validate({**said, "shares": held.shares, "salt": salt})
