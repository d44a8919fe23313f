"""Replay on bars: what the desk would have traded, judged and done on them.

Comes in: who trades, on a scratch database, and a folder of bars that is complete. Goes out: the
record that a desk leaves, of every fact, decision and action. It is the running desk that judges
and its floor that trades; only the clock is ours, and goes from one close to the next, with a stop
at every night. Nothing is brought to the world outside.

The same arms on the same bars leave the same record, row for row. So a record can be played again.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from itertools import zip_longest
from pathlib import Path

from tiltyard.actions.record import Event, fold
from tiltyard.facts.arm import FLAT, Roster
from tiltyard.facts.content import FactsDigest
from tiltyard.kernel.clock import EPOCH, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.catalogue import POLICIES
from tiltyard.scaling.trading_day import nights_between
from tiltyard.shell.clock import steady_seconds
from tiltyard.shell.commanding import give_back, take
from tiltyard.shell.feeds.folder import BarFolder, interval_in
from tiltyard.shell.floor.seating import perhaps_trained
from tiltyard.shell.floor.trading import Trader
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.models.learnt import Learnt, learnt_by_snapshot
from tiltyard.shell.models.stable import Model, Stable
from tiltyard.shell.replaying.bar_record import (
    Span,
    bar_end_event,
    bar_start_event,
    bar_start_from,
    is_bar_start,
)
from tiltyard.shell.replaying.scratch import ACTOR
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger


def bars_to_play(
    folder: Path,
    since: datetime | None,
    until: datetime,
    *,
    assume_utc: bool = False,
    say: Callable[[str], object] = lambda _: None,
) -> tuple[BarFolder, Span]:
    """All bars of a folder, and which of them are played.

    Args:
        folder: Where they are; nobody writes there meanwhile.
        since: Nobody decides before, and what comes before is known; None begins with the first
            bar. UTC.
        until: Bars that close later are not played, UTC.
        assume_utc: Read times without an offset as UTC.
        say: Told, for people, what is wrong with them.

    Raises:
        TiltyardError: ``FEED_MISSING``; ``REPLAY_EMPTY`` when no bar is left to play.
        Faults: ``FEED_MIXED``.
    """
    bars = BarFolder(folder, interval_in(folder), say, is_complete=True, assume_utc=assume_utc)
    while bars.look(since or EPOCH):
        pass  # it reads one file at a time
    began, ended = bars.first_close(since or EPOCH), bars.newest(until)
    if began is None or ended is None or began >= ended:
        said = "" if since is None else f" from {time_text(since)}"
        raise TiltyardError(
            "REPLAY_EMPTY", str(folder), f"there is no bar to replay{said} until {time_text(until)}"
        )
    for symbol in bars.symbols:
        if not bars.count_since(symbol, EPOCH, until):
            say(f"{symbol} has no bar that is a price until {time_text(until)}")
    return bars, Span(bars.interval, began, ended)


class BarReplay:
    """One replay; play it once.

    Args:
        scratch: Holds the arms as they are when the span begins, and nothing else.
        settings: Bounds, schedule, checklist, what trading costs, and where snapshots lie.
        bars: All there are.
        span: Which of them are played.
        only: Arms that may be traded by what was trained; None for all.
        say: Told, for people, what is wrong with bars and models.

    Attributes:
        learnt: Until when the models that arms are traded by have learnt.

    Raises:
        TiltyardError: ``REPLAY_EMPTY`` when nobody is there who trades on bars.
    """

    def __init__(
        self,
        scratch: Ledger,
        settings: Settings,
        bars: BarFolder,
        span: Span,
        *,
        only: Collection[str] | None = None,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        models = Stable(settings.models.path, steady_seconds, at_once=True, only=only)
        digests = bar_digests(bars, span.ended)
        trained = _traded_by(models, scratch.roster(), say)
        self.learnt: Learnt = {
            name: None if one.path is None else learnt_by_snapshot(one.path, one.digest)
            for name, one in trained.items()
        }
        names = {name: one.digest for name, one in trained.items()}
        start = bar_start_event(settings, digests, span, names, self.learnt)
        scratch.save_roster(scratch.roster(), [start], at=span.began)
        settings = _on_the_folder(bars, settings.marked_every(bars.interval))
        self._scratch = scratch
        self._bars = bars
        self._span = span
        self._nightly = settings.schedule.nightly, settings.schedule.zone
        self._token = _lease(scratch, span.began)
        self._desk = LiveDesk(scratch, settings, self._token)
        self._desk.start()
        self._trader = Trader(scratch, settings, self._token, bars, models=models, say=say)
        self._trader.begin(self._desk.roster)
        if not self._trader.seated:
            kinds = {name for name, _ in POLICIES.items()} - {FLAT}
            raise TiltyardError(
                "REPLAY_EMPTY", str(bars.folder), "no arm trades on bars: none has a capital and "
                f"a snapshot in {models.folder}, or one of the kinds {', '.join(sorted(kinds))}",
                "see: tiltyard policy register",
            )  # fmt: skip

    @property
    def roster(self) -> Roster:
        """Arms as they are now."""
        return self._desk.roster

    @property
    def left_open(self) -> list[str]:
        """What is open at the end, a line each, for people."""
        return list(self._trader.left_open)

    def play(self, *, progress: Callable[[int], object] = lambda _: None) -> Iterator[Event]:
        """Play it to the end; what the desk writes to the audit, as it does.

        Args:
            progress: Told the number of intervals that are over, after each.

        Raises:
            TiltyardError: What keeps the floor from trading, or the desk from writing.
        """
        last, number = self._span.began, 0
        yield from self._step(last)
        yield from self._follow(last)
        while last < self._span.ended:
            now, number = last + self._bars.interval, number + 1
            yield from self._wait(last, now)
            yield from self._follow(now)
            progress(number)
            last = now
        give_back(self._scratch, self._token)
        end = bar_end_event(self._scratch, self._span)
        self._scratch.save_roster(self._scratch.roster(), [end], at=last)

    def _wait(self, last: datetime, now: datetime) -> Iterator[Event]:
        """What time alone makes due; where no market has a price, there is nothing else."""
        due = list(nights_between(last, now, *self._nightly))
        if now not in due and not self._bars.at(now - self._bars.interval):
            due.append(now)
        for at in due:
            yield from self._step(at)

    def _follow(self, now: datetime) -> Iterator[Event]:
        """What the floor does, and each step after that, until nothing more is to be done."""
        while self._trader.follow(self._desk, now) or self._desk.is_behind:
            yield from self._step(now)
        if self._trader.trouble is not None:
            raise self._trader.trouble

    def _step(self, now: datetime) -> list[Event]:
        """No time passes meanwhile, so nobody is silent for long."""
        events = self._desk.step(now, steady=0.0)
        if self._desk.trouble is not None:
            raise self._desk.trouble
        return events


def play_again(
    record: Ledger,
    scratch: Ledger,
    settings: Settings,
    folder: Path,
    *,
    where: str,
    assume_utc: bool = False,
    progress: Callable[[int], object] = lambda _: None,
) -> int:
    """Play the bars of a record again, and compare; how many rows of the audit are the same.

    Args:
        record: Of a replay on bars; what came after its end is not looked at.
        scratch: Empty.
        settings: Those that it was made with, and where the snapshots are that arms were traded by.
        folder: Where the bars are.
        where: For people.
        assume_utc: Read times without an offset as UTC.
        progress: Told the number of intervals that are over, after each.

    Raises:
        TiltyardError: ``BARS_DIFFER`` when these are other bars, ``OPTION_IDLE`` when it is no
            such record, ``VERDICTS_DIFFER`` when something else comes of it; what keeps a model
            from being loaded.
        Faults: ``FEED_MIXED``.
    """
    began, start = [], None
    for row in record.audit():
        event = json.loads(row.body)
        if is_bar_start(event):
            start = bar_start_from(event)
            break
        began.append(event)
    if start is None:
        raise TiltyardError("OPTION_IDLE", "--bars", f"{where} is no record of a replay on bars")
    bars, span = bars_to_play(folder, start.span.began, start.span.ended, assume_utc=assume_utc)
    if span != start.span or bar_digests(bars, span.ended) != start.bars:
        raise TiltyardError(
            "BARS_DIFFER", str(folder), f"these are not the bars that {where} was made with",
            "name the folder as it was",
        )  # fmt: skip
    _refuse_without(start.models, settings.models.path, where)
    scratch.save_roster(fold(began), began, at=span.began)
    for _ in BarReplay(scratch, settings, bars, span, only=start.models).play(progress=progress):
        pass  # what the desk writes is compared when all of it is there
    return _same_rows(record, scratch, where)


def bar_digests(bars: BarFolder, until: datetime) -> dict[str, str]:
    """The digest of every bar of each symbol that has one which has closed by a time.

    Where there are funding rates, what is known of them by then is part of it.
    """
    digests = {}
    for symbol in bars.symbols:
        if not bars.count_since(symbol, EPOCH, until):
            continue
        digest = FactsDigest()
        for bar in bars.since(symbol, EPOCH, until):
            digest.add(ascii(list(bar)))
        for at, rate in bars.funding.of(symbol).rates:
            if at <= until:
                digest.add(ascii((at, rate)))
        digests[symbol] = digest.value()
    return digests


def _traded_by(models: Stable, roster: Roster, say: Callable[[str], object]) -> Mapping[str, Model]:
    """The models of those arms that are traded by what was trained."""
    trained = {}
    for name, model in sorted(models.ask(perhaps_trained(roster, ())).items()):
        if model.policy is None:
            say(f"{name} is not traded: {model.why}")
        else:
            trained[name] = model._replace(digest=model.policy.digest)
    return trained


def _refuse_without(digests: Mapping[str, str], folder: Path, where: str) -> None:
    """Whether every model is there that a record was made with.

    Raises:
        TiltyardError: Why one is not.
    """
    models = Stable(folder, steady_seconds, at_once=True)
    for name, model in models.ask(digests, digests).items():
        if model.why is not None:
            raise TiltyardError(
                model.why.code, name, f"{where} was made with its model {digests[name][:8]}…: "
                f"{model.why.facts}", f"put its snapshot into {folder} as it was",
            ) from model.why  # fmt: skip


def _same_rows(record: Ledger, scratch: Ledger, where: str) -> int:
    count = 0
    for old, new in zip_longest(record.audit(), scratch.audit()):
        if new is None:
            break  # the record has gone on
        count += 1
        if old is None or old.hash != new.hash:
            said = "none" if old is None else old.body
            raise TiltyardError(
                "VERDICTS_DIFFER", where, f"row {new.seq} of the audit is {said[:300]}; played "
                f"again it is {new.body[:300]}", "somebody forged the record, or the program has "
                "a defect, or is of another version",
            )  # fmt: skip
    return count


def _on_the_folder(bars: BarFolder, settings: Settings) -> Settings:
    """The settings of a desk that trades on these bars, whatever its own feed is."""
    market = settings.market.model_copy(update={"feed": str(bars.folder)})
    return settings.model_copy(update={"market": market})


def _lease(scratch: Ledger, at: datetime) -> int:
    token = take(scratch, ACTOR, at)
    if token is None:
        raise TiltyardError("LEASE_HELD", ACTOR, "somebody else writes to its database")
    return token
