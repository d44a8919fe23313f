"""``/v1/route``: who gets how much, and who gets this episode.

The shares are those that every target is told, with their expiry; they are in memory, and are
told while the database is away. Who asks about an episode has the answer written down as a
decision first: asked again, it is the same, or nobody when that arm may not enter any more.
"""

import asyncio
from typing import Annotated, cast

from fastapi import APIRouter, Depends

from tiltyard.facts.decision import Decision
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import storable
from tiltyard.shell.api import wire
from tiltyard.shell.api.held_shares import Held
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.api.reports import Episode
from tiltyard.shell.store.token_table import Token


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
        if (split := held.split(now, salt)) is None:
            return wire.Given(**_shares(held, salt).model_dump(), choice=None)
        episode = storable(asked.episode_id)
        policy, propensity, revision = split.choose(episode)
        decision = Decision(
            episode, storable(asked.symbol), policy, propensity, revision, now,
            asked.volatility_tercile, now.hour,
        )  # fmt: skip
        given = cast("Decision", await asyncio.wrap_future(inside.recorder.put(Episode(decision))))
        held, salt = _held(inside)  # they may be others by now, and what they take counts
        choice = None
        if held.lets_enter(given.policy, inside.now()):
            choice = wire.Choice(
                policy=given.policy,
                propensity=given.propensity,
                share_revision=given.share_revision,
            )
        return wire.Given(**_shares(held, salt).model_dump(), choice=choice)

    return router


def _held(inside: Inside) -> tuple[Held, str]:
    held, salt = inside.shares.held, inside.salt()
    if held is None or not salt:
        raise TiltyardError(
            "NOT_READY", "the shares", "the desk has judged nothing yet", "ask again shortly"
        )
    return held, salt


def _shares(held: Held, salt: str) -> wire.Shares:
    return wire.Shares(
        **held.body, revision=held.revision, salt=salt, decided_at=held.decided_at,
        expires_at=held.expires_at,
    )  # fmt: skip
