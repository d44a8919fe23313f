"""The purge of a ledger: by commands, once a day, and nothing that somebody needs."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from conformance.desks import (
    CAPITAL,
    CHAMPION,
    DAY,
    FIRST,
    MINUTE,
    NOW,
    SECOND_ARM,
    THIRD,
    UNGUARDED,
    Clock,
    challenger,
    desk_on,
    dump,
    earning,
    employ,
    events,
    report,
    trades_of,
)
from conformance.samples import NewDatabase
from ledgers import Databases, once_filled
from maintenance.stale import LATER, SUNDAY, mark, populate, purged, rules, steps
from tiltyard.facts.arm import Arm
from tiltyard.facts.trade import Book, Trade
from tiltyard.shell.archive.gathering import Belongings
from tiltyard.shell.archive.place import place_of
from tiltyard.shell.archive.taking import take
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.store.command_table import every_command
from tiltyard.shell.store.ledger import Ledger
from trained_policies import put_model

GOES = {SECOND_ARM: ("retire", "done"), THIRD: ("retire", "done"), FIRST: ("keep", "kept")}


@pytest.fixture(scope="module")
def populated(databases: Databases) -> Iterator[NewDatabase]:
    yield from once_filled(databases, populate)


@pytest.fixture
def url(populated: NewDatabase) -> Iterator[str]:
    with populated() as named:
        yield named


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger.open(url) as opened:
        yield opened


def states(ledger: Ledger) -> dict[str, str]:
    return {name: arm.state for name, arm in ledger.roster().arms.items()}


def test_stale_policies_are_retired_by_commands_and_the_rest_stays(
    ledger: Ledger, tmp_path: Path
) -> None:
    done = purged(ledger, rules(tmp_path))
    assert steps(done) == GOES
    assert done.failed == ()
    low = "20 days at or below its starting share, with a full trial of 160 trades"
    assert done.lines == (
        f"{THIRD} is retired: profit factor 1.0 < 1.2 over 160 live trades",
        f"{FIRST} stays: {low}; but of 2 that have to be active 1 would be left",
        f"{SECOND_ARM} is retired: {low}",
    )
    now = states(ledger)
    assert (now[THIRD], now[SECOND_ARM], now[FIRST]) == ("retired", "retired", "live")
    told = {one["policy"]: one for one in events(ledger, "retire")}
    assert {(one["actor"], one["cause"]) for one in told.values()} == {("maintenance", "purge")}
    assert told[THIRD]["reason"] == "profit factor 1.0 < 1.2 over 160 live trades"
    with ledger.snapshot() as still:
        keys = {command.key for command, _ in every_command(still.connection)}
    assert f"maintain/2026-11-29/purge/{THIRD}" in keys
    verify(ledger, UNGUARDED, LATER)


def test_a_dry_run_says_the_same_and_changes_nothing(
    ledger: Ledger, url: str, tmp_path: Path
) -> None:
    before, raw = dump(ledger), _bytes(url)
    planned = purged(ledger, rules(tmp_path), dry_run=True)
    assert (dump(ledger), _bytes(url)) == (before, raw)
    assert list(tmp_path.iterdir()) == []
    done = purged(ledger, rules(tmp_path))
    assert [line.partition(": ")[2] for line in planned.lines] == [
        line.partition(": ")[2] for line in done.lines
    ]
    assert steps(planned)[THIRD] == ("retire", "planned")


def _bytes(url: str) -> str:
    """Of the files of a database that is one."""
    if not url.startswith("sqlite"):
        return ""
    files = sorted(Path(url.removeprefix("sqlite:///")).parent.glob("*.db"))
    return sha256(b"".join(one.read_bytes() for one in files)).hexdigest()


def test_twice_on_a_day_is_once(ledger: Ledger, tmp_path: Path) -> None:
    purged(ledger, rules(tmp_path))
    before = dump(ledger)
    again = purged(ledger, rules(tmp_path))
    assert steps(again) == {FIRST: ("keep", "kept")}
    assert dump(ledger) == before


def test_a_running_desk_carries_it_out(ledger: Ledger, tmp_path: Path) -> None:
    with desk_on(ledger, LATER) as desk:
        clock = Clock(LATER)
        clock.desk = desk
        assert steps(purged(ledger, rules(tmp_path), clock)) == GOES
        assert desk.roster.arms[THIRD].state == "retired"
        with ledger.snapshot() as still:
            assert all(outcome for _, outcome in every_command(still.connection))


def test_what_has_changed_by_then_is_refused_and_told(ledger: Ledger, tmp_path: Path) -> None:
    with desk_on(ledger, LATER) as desk:
        clock = Clock(LATER)

        def wait(seconds: float) -> None:
            clock.now += timedelta(seconds=seconds)
            if clock.now - LATER < timedelta(seconds=0.15):
                mark(ledger, THIRD, 2, after=2 * MINUTE)
            desk.step(clock.now)

        clock.wait = wait  # type: ignore[method-assign] # a position is opened meanwhile
        done = purged(ledger, rules(tmp_path), clock)
    assert steps(done)[THIRD] == ("retire", "refused")
    assert f"{THIRD} stays: POSITIONS_OPEN {THIRD}: open positions: 2" in done.lines[0]
    assert done.failed == ()
    assert states(ledger)[THIRD] == "throttled"
    assert states(ledger)[SECOND_ARM] == "retired", "the others are purged all the same"


def test_who_may_still_enter_loses_its_traffic_first_and_goes_by_a_mark(
    ledger: Ledger, tmp_path: Path
) -> None:
    alone = rules(tmp_path, minimum_active=1)
    assert steps(purged(ledger, alone))[FIRST] == ("take", "done")
    arm = ledger.roster().arms[FIRST]
    assert (arm.state, arm.share, arm.throttled_by) == ("throttled", 0, "purge")
    week = Clock(NOW + 7 * DAY)
    waits = purged(ledger, alone, week, day=SUNDAY + 7 * DAY)
    assert steps(waits)[FIRST] == ("keep", "kept"), "no mark has come"
    mark(ledger, FIRST, 0, after=7 * DAY)
    gone = purged(ledger, alone, week, day=SUNDAY + 14 * DAY)
    assert steps(gone)[FIRST] == ("retire", "done")


def test_a_database_that_is_closed_to_us_is_told_and_the_rest_goes_on(
    ledger: Ledger, tmp_path: Path
) -> None:
    with desk_on(ledger, LATER):  # it lives, and does nothing
        clock = Clock(LATER)
        done = purged(ledger, rules(tmp_path), clock)
    assert {error.code for error in done.failed} == {"COMMAND_WAITING"}
    assert steps(done)[THIRD] == ("retire", "failed")
    assert f"{THIRD} is not retired yet: COMMAND_WAITING retire {THIRD}" in done.lines[0]


def test_trades_on_paper_make_a_trial_full_and_no_profit_factor(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    with new_database() as url, Ledger.open(url) as ledger:
        employ(ledger, challenger(FIRST, 0.1), challenger(THIRD, 0.1))
        loser = [1.0, -1.0] * 80
        paper = [replace_book(one, "shadow") for one in trades_of(FIRST, loser)]
        twins = [replace_book(one, "twin") for one in trades_of(THIRD, loser)]
        report(ledger, [*paper, *twins])
        told = {one["policy"]: one for one in purged(ledger, rules(tmp_path)).told["policies"]}
    paper_told, twin_told = told[FIRST], told[THIRD]
    assert (paper_told["trades"], paper_told["profit_factor"]) == (160, None)
    assert "with a full trial of 160 trades" in paper_told["reason"]
    assert (twin_told["trades"], twin_told["profit_factor_trades"]) == (0, 0)
    assert "without a trade" in twin_told["reason"]


def replace_book(trade: Trade, book: Book) -> Trade:
    return trade._replace(book=book, trade_id=f"{book} {trade.trade_id}")


@pytest.fixture
def modelled(new_database: NewDatabase, tmp_path: Path) -> Iterator[tuple[Ledger, Path]]:
    """A ledger with a stale policy that is traded by a model, and the folder of that."""
    model = put_model(tmp_path / "models")
    digest = sha256((model / "manifest.json").read_bytes()).hexdigest()
    with new_database() as url, Ledger.open(url) as ledger:
        waits = Arm(model.name, "challenger", "candidate", 0, 0.1, 0, CAPITAL, NOW - 20 * DAY)
        employ(ledger, challenger(FIRST, 0.1), replace(waits, digest=digest, kind="tabnet"))
        report(ledger, trades_of(CHAMPION, earning()))
        yield ledger, model


def kept(ledger: Ledger, folder: Path) -> None:
    """All of it is in the archive."""
    place = place_of(rules(folder).archive, create=True)
    take(Belongings(ledger, folder / "models", folder / "tiltyard.toml"), place, NOW)


def test_a_policy_goes_only_when_a_snapshot_holds_its_model(
    modelled: tuple[Ledger, Path], tmp_path: Path
) -> None:
    ledger, model = modelled
    none = purged(ledger, rules(tmp_path))
    assert [error.code for error in none.failed] == ["ARCHIVE_MISSING"]
    assert any(
        line.endswith(
            "whether a snapshot of the desk holds its model is not known: ARCHIVE_MISSING"
        )
        for line in none.lines
    )
    kept(ledger, tmp_path)
    assert steps(purged(ledger, rules(tmp_path), dry_run=True))[model.name] == ("retire", "planned")
    for one in (tmp_path / "archive" / "objects").rglob("*"):
        if one.is_file():
            one.write_bytes(one.read_bytes()[::-1])
    harmed = purged(ledger, rules(tmp_path))
    assert steps(harmed)[model.name] == ("keep", "kept")
    assert "no snapshot of the desk holds its model" in "".join(harmed.lines)
    assert states(ledger)[model.name] == "candidate"


def test_a_policy_whose_model_cannot_be_read_stays(
    modelled: tuple[Ledger, Path], tmp_path: Path
) -> None:
    ledger, model = modelled
    kept(ledger, tmp_path)
    (model / "manifest.json").write_text("{}")
    done = purged(ledger, rules(tmp_path))
    assert steps(done)[model.name] == ("keep", "kept")
    assert "cannot be read: SNAPSHOT_TAMPERED" in "".join(done.lines)


def test_killed_at_any_step_it_goes_on_to_the_same(populated: NewDatabase, tmp_path: Path) -> None:
    for step in range(1, 100):
        with populated() as url:
            if _lives(url, tmp_path, step):
                assert step > 4, "it has been killed at several steps"
                return
            with Ledger.open(url) as ledger:
                at = Clock(LATER + MINUTE)  # the lease of who was killed is over
                purged(ledger, rules(tmp_path), at)
                assert states(ledger)[THIRD] == states(ledger)[SECOND_ARM] == "retired"
                assert states(ledger)[FIRST] == "live"
                assert len(events(ledger, "retire")) == 2
                verify(ledger, UNGUARDED, at.now)
    pytest.fail("it never came to its end")


def _lives(url: str, folder: Path, step: int) -> bool:
    """Whether a purge comes to its end, and is not killed at this look at the clock."""
    if not (child := os.fork()):
        looks = iter(range(1, step))
        clock = Clock(LATER)
        seen = clock.times()

        def now() -> datetime:
            if next(looks, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return seen.now()

        clock.times = lambda: replace(seen, now=now)  # type: ignore[method-assign]
        with Ledger.open(url) as ledger:
            purged(ledger, rules(folder), clock)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return not os.WIFSIGNALED(status)
