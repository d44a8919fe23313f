"""The verbs over HTTP: what people and scripts ask for.

A verb is a command in the ledger, carried out by whoever holds the lease, and answered with
its outcome. The same ``Idempotency-Key`` asked twice is one command.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from starlette.concurrency import run_in_threadpool

from tiltyard.facts.command import CommandRefused, Verb
from tiltyard.kernel.money import money, money_text
from tiltyard.shell.api import wire
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.commanding import ask, command_of
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


def verb_routes(inside: Inside) -> APIRouter:
    """The addresses of the verbs."""
    asking = _Asking(inside, APIRouter(prefix="/v1", tags=["verbs"]))
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
        outcome = await run_in_threadpool(
            ask, inside.door, inside.settings, command, inside.times,
            holder=inside.holder, targets=inside.targets,
        )  # fmt: skip
        if outcome.refused:
            raise CommandRefused(outcome)
        return wire.Done(verb=verb, policy=policy, done=outcome.text)

    def add_about_one(self, verb: Verb, says: str) -> None:
        async def about_one(
            policy: str,
            asked: wire.Asked,
            token: Annotated[Token, Depends(self.may(verb))],
            key: Key = "",
        ) -> wire.Done:
            return await self.do(verb, token, key, asked.reason, policy)

        self.router.post(f"/policies/{{policy}}/{verb}", name=verb, summary=says)(about_one)

    def add_about_all(self, verb: Verb, says: str) -> None:
        async def about_all(
            asked: wire.Asked, token: Annotated[Token, Depends(self.may(verb))], key: Key = ""
        ) -> wire.Done:
            return await self.do(verb, token, key, asked.reason)

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
            return await self.do(
                "register", token, key, "", joining.policy, role=joining.role,
                kind=joining.kind, capital=capital, share=share, digest=joining.digest,
            )  # fmt: skip

    def add_rollback(self) -> None:
        @self.router.post("/policies/{policy}/rollback")
        async def rollback(
            policy: str,
            asked: wire.AskedRollback,
            token: Annotated[Token, Depends(self.may("rollback"))],
            key: Key = "",
        ) -> wire.Done:
            """Halt the champion, and crown the previous known-good one, or flat."""
            said = {"to": asked.to, "digest": asked.digest}
            return await self.do("rollback", token, key, asked.reason, policy, **said)

    def add_resume(self) -> None:
        @self.router.post("/resume")
        async def resume(
            asked: wire.AskedResume,
            token: Annotated[Token, Depends(self.may("resume"))],
            key: Key = "",
        ) -> wire.Done:
            """End what is on hold."""
            return await self.do("resume", token, key, asked.reason, hold=asked.hold)

    def add_acknowledge(self) -> None:
        @self.router.post("/reviews/{number}/acknowledge")
        async def acknowledge(
            number: int,
            asked: wire.Asked,
            token: Annotated[Token, Depends(self.may("acknowledge"))],
            key: Key = "",
        ) -> wire.Done:
            """Say that a person has looked at it; only then may its arm be re-armed."""
            return await self.do("acknowledge", token, key, asked.reason, number=str(number))
