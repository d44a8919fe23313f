"""The courier: between a bot and its desk, beside the bot and never in its way.

It asks for the shares every few seconds, and delivers what was reported: in batches, in order
for each kind, again and again until the desk has them. A kind whose batch fails waits longer
each time; when the desk is gone, all do. Of a batch that is refused, what is named at fault
goes to the refused and the rest is sent again; when the desk cannot read a batch at all, half of
it is tried, until what is at fault stands alone. Whatever else a desk says leaves everything
where it is.

It is one coroutine, for the loop of a thread of its own or for the bot's loop.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx

from tiltyard.client.answers import Answer, Later, Taken, Wrong, meaning, wait_of
from tiltyard.client.beats import Beats
from tiltyard.client.checkups import Checkup, Checkups
from tiltyard.client.keeping import Keeping
from tiltyard.client.outbox import Fact
from tiltyard.client.reports import KINDS, Kind, Said
from tiltyard.client.standing import Standing
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import Fault

_LOG = logging.getLogger("tiltyard.client")
MOST = 1000
"""Items of a batch."""
MOST_READ = 1 << 20
_LONGEST_RENEWAL = 30.0


class Pace(NamedTuple):
    """How fast things go, in seconds.

    Attributes:
        renew: Between two questions for the shares.
        answer_within: An exchange is given up after so long, whatever it is doing.
        first_wait: After a failure; twice as long after each further one.
        longest_wait: Between two attempts, unless the desk asks for more.
        beat: Between two heartbeats of a policy.
        tell: Between two reports of what was counted.
    """

    renew: float = 5.0
    answer_within: float = 5.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    beat: float = 60.0
    tell: float = 60.0


USUAL = Pace()


class Desk(NamedTuple):
    """Where the desk is.

    Attributes:
        url: Without a path of the API.
        token: Is shown nowhere.
        source: Who reports the trades; None leaves it to the desk.
        transport: Who carries the exchanges; None for the network.
    """

    url: str
    token: str
    source: str | None
    transport: httpx.AsyncBaseTransport | None

    def __repr__(self) -> str:
        return f"Desk({self.url!r})"


@dataclass(slots=True)
class Lane:
    """Facts of one kind on their way.

    Attributes:
        kind: Which.
        most: Items of the next batch.
        failures: In a row.
        due: By the loop's clock, when the next attempt may be made.
        asked_for: By the same, until when the desk has asked to be left alone.
        told: Codes of failures since the last success; each is logged once.
    """

    kind: Said
    most: int = MOST
    failures: int = 0
    due: float = 0.0
    asked_for: float = 0.0
    told: set[str] = field(default_factory=set)


class Courier:
    """Carries shares and reports until it is cancelled.

    Args:
        loop: In which it runs.
        desk: Where to.
        keeping: What is to be delivered.
        beats: Who is alive.
        standing: Takes the answers about the shares.
        pace: How fast.
        tell_counts: Reports what was counted since the last time.
        checkups: Of models, some of which are made again and again.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        desk: Desk,
        keeping: Keeping,
        beats: Beats,
        standing: Standing,
        pace: Pace,
        tell_counts: Callable[[], None],
        checkups: Checkups,
    ) -> None:
        self._loop = loop
        self._desk = desk
        self._keeping = keeping
        self._beats = beats
        self._standing = standing
        self._pace = pace
        self._tell_counts = tell_counts
        self._checkups = checkups
        self._lanes: dict[Kind, Lane] = {kind: Lane(kind) for kind in KINDS}
        self._beating = Lane("heartbeats")
        self._next_beat = 0.0
        self._is_nudged = False
        self._to_send, self._to_keep, self._to_check = (asyncio.Event() for _ in range(3))
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Go on until cancelled."""
        headers = {
            "Authorization": f"Bearer {self._desk.token}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
        }
        async with (
            httpx.AsyncClient(
                base_url=self._desk.url,
                headers=headers,
                transport=self._desk.transport,
                timeout=self._pace.answer_within,
                trust_env=False,
            ) as http,
            asyncio.TaskGroup() as together,
        ):
            together.create_task(self._repeat(lambda: self._renew(http)))
            together.create_task(self._repeat(lambda: self._send(http)))
            together.create_task(self._repeat(self._keep))
            together.create_task(self._repeat(self._tell))
            together.create_task(self._repeat(lambda: self._check(together)))

    def nudge(self) -> None:
        """There is something new. Any thread may say so."""
        if not self._is_nudged:
            self._is_nudged = True
            with suppress(RuntimeError):  # its loop has ended
                self._loop.call_soon_threadsafe(self._wake)

    async def flush(self, timeout: float) -> bool:  # noqa: ASYNC109 it is the caller's word
        """Deliver what there is now; whether that was done in time."""
        last, unsaid = self._keeping.last, self._beats.unsaid
        for lane in (*self._lanes.values(), self._beating):
            lane.due = lane.asked_for
        self._wake()
        return await self._until(
            lambda: not (self._keeping.has_up_to(last) or unsaid & self._beats.unsaid), timeout
        )

    async def until_told(self, timeout: float) -> bool:  # noqa: ASYNC109 as above
        """Wait for the first shares; whether they came in time."""
        return await self._until(lambda: self._standing.held.told is not None, timeout)

    async def _until(self, is_so: Callable[[], bool], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while not is_so():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return is_so()
        return True

    def _wake(self) -> None:
        self._to_send.set()
        self._to_keep.set()
        self._to_check.set()

    async def _repeat(self, step: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await step()
            except Exception:  # noqa: BLE001 the other errands, and the bot, go on
                _LOG.exception("a defect of the client; it goes on")
                await asyncio.sleep(self._pace.longest_wait)

    async def _renew(self, http: httpx.AsyncClient) -> None:
        asked = self._standing.ask()
        answer = await self._exchange(http, "GET", "/v1/route")
        self._standing.answered(answer, asked)
        self._changed.set()
        await asyncio.sleep(max(self._pace.renew, min(wait_of(answer), _LONGEST_RENEWAL)))

    async def _keep(self) -> None:
        await self._to_keep.wait()
        self._to_keep.clear()
        await asyncio.to_thread(self._keeping.keep)

    async def _tell(self) -> None:
        await asyncio.sleep(self._pace.tell)
        self._tell_counts()

    async def _check(self, together: asyncio.TaskGroup) -> None:
        """Check the models whose time has come, none behind another, then wait for the next."""
        self._to_check.clear()
        for checkup in self._checkups.due(self._loop.time()):
            together.create_task(self._check_again(checkup))
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._checkups.next_due):
                await self._to_check.wait()

    async def _check_again(self, checkup: Checkup) -> None:
        try:
            await self._checkups.check_beside(checkup)
        except Exception:  # noqa: BLE001 as above
            _LOG.exception("a defect of the client: a model was not checked")
        self._to_check.set()

    async def _send(self, http: httpx.AsyncClient) -> None:
        """Deliver one batch of each kind whose time has come, then wait for the next."""
        self._is_nudged = False
        self._to_send.clear()
        for kind, lane in self._lanes.items():
            if lane.due <= self._loop.time():
                await self._deliver(http, kind, lane)
        if self._beats.policies and self._beat_is_due() <= self._loop.time():
            await self._beat(http)
        waiting = [lane.due for kind, lane in self._lanes.items() if self._keeping.batch(kind, 1)]
        if self._beats.policies:
            waiting.append(self._beat_is_due())
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min(waiting, default=None)):
                await self._to_send.wait()

    def _beat_is_due(self) -> float:
        return max(self._beating.due, 0.0 if self._beats.unsaid else self._next_beat)

    async def _beat(self, http: httpx.AsyncClient) -> None:
        """Say who is alive now."""
        began, at = self._loop.time(), time_text(self._standing.now())
        beats = [{"policy": policy, "at": at} for policy in self._beats.policies]
        body = json.dumps({"heartbeats": beats}).encode()
        answer = await self._exchange(http, "POST", "/v1/heartbeats", body)
        match meaning(answer, len(beats)):
            case Taken():
                self._beats.have_told(beat["policy"] for beat in beats)
                self._next_beat = began + self._pace.beat
            case Wrong(items, faults):
                for item, own in (items or dict.fromkeys(range(len(beats)), faults)).items():
                    self._beats.end(beats[item]["policy"])
                    self._keeping.refuse("heartbeats", beats[item], own)
            case Later() as later:
                self._postpone(self._beating, later)
                return
        self._is_through(self._beating)

    async def _deliver(self, http: httpx.AsyncClient, kind: Kind, lane: Lane) -> None:
        facts = self._keeping.batch(kind, lane.most)
        if not facts:
            return
        body = batch_body(kind, facts, self._desk.source)
        answer = await self._exchange(http, "POST", f"/v1/{kind}", body)
        match meaning(answer, len(facts)):
            case Taken():
                self._keeping.settle(facts)
                lane.most = min(MOST, 2 * lane.most)
            case Wrong(items, faults):
                self._refuse(lane, facts, items, faults)
            case Later() as later:
                if later.is_too_large:
                    lane.most = _half(facts)
                self._postpone(lane, later)
                return
        self._is_through(lane)
        self._to_keep.set()

    def _is_through(self, lane: Lane) -> None:
        if lane.failures:
            _LOG.warning("%s are delivered again", lane.kind)
        lane.failures, lane.due = 0, 0.0
        lane.told.clear()
        self._changed.set()

    def _refuse(
        self,
        lane: Lane,
        facts: list[Fact],
        items: Mapping[int, tuple[Fault, ...]],
        faults: tuple[Fault, ...],
    ) -> None:
        if len(facts) == 1 and not items:
            items = {0: faults}
        for item, own in items.items():
            self._keeping.refuse_fact(facts[item], own)
        if not items:
            lane.most = _half(facts)

    def _postpone(self, lane: Lane, later: Later) -> None:
        if later.code not in lane.told:
            lane.told.add(later.code)
            _LOG.warning("%s wait: %s", lane.kind, later.why)
        own = min(self._pace.first_wait * 2 ** min(lane.failures, 30), self._pace.longest_wait)
        lane.failures += 1
        now = self._loop.time()
        for one in (*self._lanes.values(), self._beating) if later.is_for_all else (lane,):
            one.due = now + max(own, later.wait)
            one.asked_for = now + later.wait

    async def _exchange(
        self, http: httpx.AsyncClient, method: str, path: str, body: bytes | None = None
    ) -> Answer:
        try:
            async with (
                asyncio.timeout(self._pace.answer_within),
                http.stream(method, path, content=body) as response,
            ):
                raw = bytearray()
                async for part in response.aiter_raw():
                    raw += part
                    if len(raw) > MOST_READ:
                        return Answer(0, b"an answer without an end")
                return Answer(
                    response.status_code, bytes(raw), response.headers.get("retry-after", "")
                )
        except TimeoutError:
            return Answer(0, f"no answer within {self._pace.answer_within:g} s".encode())
        except Exception as error:  # noqa: BLE001 whatever the network does, the bot goes on
            return Answer(0, f"{type(error).__name__} {error}".encode())


def _half(facts: list[Fact]) -> int:
    return (len(facts) + 1) // 2


def batch_body(kind: Kind, facts: list[Fact], source: str | None) -> bytes:
    """What a desk is sent."""
    items = ",".join(fact.text for fact in facts)
    by = f'"source":{json.dumps(source)},' if source is not None and kind == "trades" else ""
    return f'{{{by}"{kind}":[{items}]}}'.encode()
