"""The verbs over HTTP: what people and scripts ask for.

A verb is a command in the ledger, carried out by whoever holds the lease, and answered with
its outcome. The same ``Idempotency-Key`` asked twice is one command.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Header

from tiltyard.facts.command import SAFETY, CommandRefused, Verb
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import money, money_text
from tiltyard.shell.api import wire
from tiltyard.shell.api.gate import refuse_without
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.commanding import ask, command_of
from tiltyard.shell.effects.announce import revision_of, shares_body
from tiltyard.shell.store.token_table import Scope, Token

Key = Annotated[str, Header(alias="Idempotency-Key", max_length=wire.LONGEST)]
_SCOPE: Mapping[Verb, Scope] = {
    "halt": "operate", "throttle": "operate", "freeze": "operate", "stop_all": "operate",
    "rollback": "operate", "retire": "operate", "register": "operate", "scale": "operate",
    "acknowledge": "operate", "approve": "approve", "rearm": "approve", "resume": "approve",
}  # fmt: skip
"""What each verb takes. Whoever gives back what was taken needs more than whoever takes it."""
_ABOUT_ONE: Mapping[Verb, str] = {
    "halt": "Take an arm out: traffic to 0, positions reduce-only; says what is open.",
    "throttle": "Take an arm's traffic; its shadow book goes on, and a review is opened.",
    "retire": "Take an arm out for good.",
    "approve": "Make a proposed challenger the champion.",
    "rearm": "Put a throttled or halted arm on a new trial.",
}
_ABOUT_ALL: Mapping[Verb, str] = {
    "freeze": "Take all challengers' traffic, until resume.",
    "stop_all": "No entries for anyone, until resume.",
    "scale": "Run the nightly rule now.",
}


AT_ONCE = 4
"""Verbs that wait for an answer at the same time; those for safety have as many for themselves."""


def verb_routes(inside: Inside) -> APIRouter:
    """The addresses of the verbs."""
    asking = _Asking(
        inside, APIRouter(prefix="/v1", tags=["verbs"]),
        anyio.CapacityLimiter(AT_ONCE), anyio.CapacityLimiter(AT_ONCE),
    )  # fmt: skip
    for verb, says in _ABOUT_ONE.items():
        asking.add_about_one(verb, says)
    for verb, says in _ABOUT_ALL.items():
        asking.add_about_all(verb, says)
    asking.add_register()
    asking.add_rollback()
    asking.add_resume()
    asking.add_acknowledge()
    return asking.router


@dataclass(frozen=True, slots=True)
class _Asking:
    """Adds addresses, and has done what they ask for."""

    inside: Inside
    router: APIRouter
    urgent: anyio.CapacityLimiter
    others: anyio.CapacityLimiter

    def may(self, verb: Verb) -> Callable[..., Awaitable[Token]]:
        return self.inside.gate.lets_in(_SCOPE[verb])

    async def do(
        self, verb: Verb, token: Token, key: str, reason: str, policy: str = "", **said: str
    ) -> wire.Done:
        given = {name: value for name, value in said.items() if value}
        command = command_of(
            verb, policy, given, reason=reason, actor=token.name, key=key, now=self.inside.now()
        )
        inside = self.inside
        asking = partial(
            ask, inside.door, inside.settings, command, inside.times,
            holder=inside.holder, targets=inside.targets,
        )  # fmt: skip
        limiter = self.urgent if verb in SAFETY else self.others
        outcome = await anyio.to_thread.run_sync(asking, limiter=limiter)
        if outcome.refused:
            raise CommandRefused(outcome)
        if verb in SAFETY:  # nobody who hears the answer is told older shares afterwards
            await anyio.to_thread.run_sync(self.tell_shares, limiter=limiter)
        return wire.Done(verb=verb, policy=policy, done=outcome.text)

    def tell_shares(self) -> None:
        """What has been taken is told at once; what is given, the desk tells when it has judged."""
        with suppress(TiltyardError):
            with self.inside.door.snapshot() as still:
                shares, known = shares_body(still.roster()), revision_of(still.connection)
            self.inside.shares.take(shares, known, self.inside.now())

    def add_about_one(self, verb: Verb, says: str) -> None:
        async def about_one(
            policy: str,
            token: Annotated[Token, Depends(self.may(verb))],
            asked: wire.Asked | None = None,
            key: Key = "",
        ) -> wire.Done:
            return await self.do(verb, token, key, asked.reason if asked else "", policy)

        self.router.post(f"/policies/{{policy:path}}/{verb}", name=verb, summary=says)(about_one)

    def add_about_all(self, verb: Verb, says: str) -> None:
        async def about_all(
            token: Annotated[Token, Depends(self.may(verb))],
            asked: wire.Asked | None = None,
            key: Key = "",
        ) -> wire.Done:
            return await self.do(verb, token, key, asked.reason if asked else "")

        address = f"/{verb.replace('_', '-')}"
        self.router.post(address, name=verb, summary=says)(about_all)

    def add_register(self) -> None:
        @self.router.post("/policies")
        async def register(
            joining: wire.Joining,
            token: Annotated[Token, Depends(self.may("register"))],
            key: Key = "",
        ) -> wire.Done:
            """Let a policy join: a challenger on probation, or the first champion."""
            capital = "" if joining.capital is None else money_text(money(joining.capital))
            share = "" if joining.share is None else str(joining.share)
            if joining.share is not None and joining.share > self.inside.settings.shares.start:
                refuse_without(token, "approve")  # it would be given more than others begin with
            return await self.do(
                "register", token, key, "", joining.policy, role=joining.role,
                kind=joining.kind, capital=capital, share=share, digest=joining.digest,
            )  # fmt: skip

    def add_rollback(self) -> None:
        @self.router.post("/policies/{policy:path}/rollback")
        async def rollback(
            policy: str,
            token: Annotated[Token, Depends(self.may("rollback"))],
            asked: wire.AskedRollback | None = None,
            key: Key = "",
        ) -> wire.Done:
            """Halt the champion, and crown the previous known-good one, or flat."""
            asked = asked or wire.AskedRollback()
            said = {"to": asked.to, "digest": asked.digest}
            return await self.do("rollback", token, key, asked.reason, policy, **said)

    def add_resume(self) -> None:
        @self.router.post("/resume")
        async def resume(
            token: Annotated[Token, Depends(self.may("resume"))],
            asked: wire.AskedResume | None = None,
            key: Key = "",
        ) -> wire.Done:
            """End what is on hold."""
            asked = asked or wire.AskedResume()
            return await self.do("resume", token, key, asked.reason, hold=asked.hold)

    def add_acknowledge(self) -> None:
        @self.router.post("/reviews/{number}/acknowledge")
        async def acknowledge(
            number: int,
            token: Annotated[Token, Depends(self.may("acknowledge"))],
            asked: wire.Asked | None = None,
            key: Key = "",
        ) -> wire.Done:
            """Say that a person has looked at it; only then may its arm be re-armed."""
            asked = asked or wire.Asked()
            return await self.do("acknowledge", token, key, asked.reason, number=str(number))
