"""Shares as this process holds them for whoever asks it."""

from datetime import UTC, datetime, timedelta

from tiltyard.shell.api.held_shares import REMEMBERED, HeldShares
from tiltyard.shell.effects.announce import ALONE

EXPIRES = datetime(2026, 3, 2, 12, 2, tzinfo=UTC)
BEFORE = EXPIRES - timedelta(seconds=1)
LATER = EXPIRES + timedelta(minutes=1)


def body(bot: float = 0.1, **said: object) -> dict[str, object]:
    shares = {"prod": 1 - bot, "bot": bot} if bot else {"prod": 1.0}
    return {"champion": "prod", "shares": shares, "entries_stopped_by": [], "reduce_only": [],
            **said}  # fmt: skip


def told(**said: object) -> HeldShares:
    shares = HeldShares()
    follow(shares, body(**said), 7000)  # type: ignore[arg-type]
    return shares


def follow(
    shares: HeldShares,
    said: dict[str, object],
    revision: int,
    now: datetime = BEFORE,
    expires_at: datetime = EXPIRES,
    known: int = 0,
) -> None:
    """A step of the desk that has changed the shares, or one up to which they are as they were."""
    shares.follow(said, revision, now, expires_at, known=known or revision)


def test_the_desk_has_the_last_word_and_each_set_of_shares_its_number() -> None:
    shares = told()
    follow(shares, body(0.2), 8000, LATER, LATER)
    assert shares.held is not None
    assert (shares.held.revision, shares.held.shares["bot"]) == (8000, 0.2)
    assert (shares.held.decided_at, shares.held.expires_at) == (LATER, LATER)
    assert shares.told(7000) == body()["shares"]


def test_the_same_shares_stand_since_they_were_decided_and_expire_as_last_judged() -> None:
    shares = told()
    follow(shares, body(), 7000, LATER, LATER)
    assert shares.held is not None
    assert (shares.held.decided_at, shares.held.expires_at) == (BEFORE, LATER)
    follow(shares, body(), 7000)
    assert shares.held.expires_at == EXPIRES, "a clock that was set back keeps nobody in traffic"


def test_what_stands_in_memory_is_numbered_on_and_never_as_high_as_what_comes_next() -> None:
    shares = told()
    for number in range(2 * ALONE):
        shares.stand(body(0.1 if number % 2 else 0), 7000, BEFORE, EXPIRES)
        assert shares.held is not None
        assert 7000 < shares.held.revision < 8000
    follow(shares, body(0.2), 8000)
    assert shares.held is not None
    assert shares.held.revision == 8000


def test_no_more_are_remembered_than_fit() -> None:
    shares = HeldShares()
    for number in range(2 * REMEMBERED):
        follow(shares, body(0.1 if number % 2 else 0.2), 1000 * (number + 1))
    known = [n for n in range(2 * REMEMBERED) if shares.told(1000 * (n + 1)) is not None]
    assert known == list(range(REMEMBERED, 2 * REMEMBERED))


def test_until_they_expire_challengers_have_theirs_and_then_the_champion_all() -> None:
    held = told().held
    assert held is not None
    before, after = held.split(BEFORE, "salt"), held.split(EXPIRES, "salt")
    assert before is not None
    assert after is not None
    assert {before.choose(f"episode {n}").policy for n in range(200)} == {"prod", "bot"}
    assert {after.choose(f"episode {n}") for n in range(200)} == {("prod", 1.0, 0)}
    assert held.lets_enter("bot", BEFORE)
    assert not held.lets_enter("bot", EXPIRES)
    assert held.lets_enter("prod", EXPIRES)


def test_who_has_lost_its_share_or_only_leaves_may_not_enter() -> None:
    held = told(bot=0, reduce_only=["prod"]).held
    assert held is not None
    assert not held.lets_enter("bot", BEFORE)
    assert not held.lets_enter("prod", BEFORE)


def test_nobody_has_any_while_entries_are_stopped_or_there_is_no_champion() -> None:
    stopped = told(entries_stopped_by=["person"]).held
    assert stopped is not None
    assert stopped.split(BEFORE, "salt") is None
    assert not stopped.lets_enter("prod", BEFORE)
    nobody = told(champion=None, shares={}).held
    assert nobody is not None
    assert nobody.split(BEFORE, "salt") is None


def test_what_is_taken_is_told_and_nobody_gets_more_by_it() -> None:
    shares = told(shares={"prod": 0.7, "bot": 0.1, "other": 0.2})
    ledger = body(shares={"prod": 0.6, "other": 0.4}, reduce_only=["bot"])
    shares.take(ledger, 8000, BEFORE)
    assert shares.held is not None
    assert shares.held.shares == {"prod": 0.8, "other": 0.2}
    assert shares.held.body["reduce_only"] == ["bot"]
    assert shares.held.revision == 7001
    follow(shares, ledger, 8000)
    assert shares.held.shares == {"prod": 0.6, "other": 0.4}
    assert shares.held.revision == 8000


def test_what_was_taken_holds_until_the_desk_tells_again_and_no_longer() -> None:
    shares = told()
    stopped = body(entries_stopped_by=["person"])
    shares.take(stopped, 8000, BEFORE)
    assert shares.held is not None
    first = shares.held.revision
    shares.take(stopped, 8000, BEFORE)
    assert shares.held.revision == first
    shares.stand(body(0), 7000, BEFORE, EXPIRES)
    assert shares.held.body["entries_stopped_by"] == ["person"], "the watchdog knows nothing of it"
    assert shares.told(first) is None, "others number what stands in memory, too"
    follow(shares, body(), 9000)
    assert shares.held.body["entries_stopped_by"] == []
    assert shares.held.lets_enter("bot", BEFORE)


def test_while_the_champion_alone_has_any_a_halt_gives_nobody_a_share_back() -> None:
    shares = told()
    shares.stand(body(0), 7000, BEFORE, EXPIRES)
    shares.take(body(0.1, entries_stopped_by=["person"]), 8000, BEFORE)
    assert shares.held is not None
    assert shares.held.shares == {"prod": 1.0}
    assert shares.held.body["entries_stopped_by"] == ["person"]


def test_before_anything_was_told_nothing_is_taken() -> None:
    shares = HeldShares()
    shares.take(body(), 7000, BEFORE)
    assert shares.held is None


def test_what_is_read_before_the_desk_gives_and_told_after_it_takes_nothing() -> None:
    shares = told()
    follow(shares, body(0), 9000)
    follow(shares, body(), 10_000)
    shares.take(body(0), 9000, BEFORE)
    assert shares.held is not None
    assert (shares.held.revision, shares.held.shares["bot"]) == (10_000, 0.1)


def test_what_is_taken_after_a_step_stands_though_the_step_is_told_later() -> None:
    shares = told()
    shares.take(body(0), 9000, BEFORE)
    follow(shares, body(), 7000, known=8000)
    assert shares.held is not None
    assert (shares.held.revision, shares.held.shares) == (7001, {"prod": 1.0})


def test_of_two_who_have_taken_the_later_counts() -> None:
    shares = told()
    stopped = body(entries_stopped_by=["person"])
    shares.take(stopped, 9000, BEFORE)
    shares.take(body(), 8000, BEFORE)
    assert shares.held is not None
    assert shares.held.body["entries_stopped_by"] == ["person"]


def test_shares_that_are_again_as_the_database_has_them_are_numbered_on_and_renewed() -> None:
    shares = told()
    shares.take(body(0), 8000, BEFORE)
    for _ in range(2):
        follow(shares, body(), 7000, LATER, LATER, known=9000)
        assert shares.held is not None
        assert (shares.held.revision, shares.held.shares["bot"]) == (7002, 0.1)
        assert shares.held.expires_at == LATER
    assert shares.told(7000) == body()["shares"]


def test_a_champion_that_is_halted_in_memory_stays_so_whatever_is_taken_by_the_database() -> None:
    """The database could not be written when it was halted, and knows no other champion."""
    shares = told(bot=0.1)
    stands = body(0.1, champion="flat", shares={"flat": 0.9, "bot": 0.1}, reduce_only=["prod"])
    shares.stand(stands, 7000, BEFORE, EXPIRES)
    shares.take(body(0.1, reduce_only=["other"]), 8000, BEFORE)
    for _ in range(2):
        assert shares.held is not None
        assert (shares.held.champion, shares.held.shares) == ("flat", {"flat": 0.9, "bot": 0.1})
        assert shares.held.body["reduce_only"] == ["other", "prod"]
        shares.stand(stands, 7000, BEFORE, EXPIRES)
