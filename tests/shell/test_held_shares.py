"""Shares as this process holds them for whoever asks it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from receivers import effect
from tiltyard.facts.audit import canonical
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.outbox import Effect
from tiltyard.shell.targets.held_shares import HeldShares

EXPIRES = datetime(2026, 3, 2, 12, 2, tzinfo=UTC)
BEFORE = EXPIRES - timedelta(seconds=1)


def told(revision: int = 7000, key: str = "k", **said: object) -> Effect:
    body: dict[str, object] = {
        "champion": "prod", "shares": {"prod": 0.9, "bot": 0.1}, "entries_stopped_by": [],
        "reduce_only": [], "revision": revision, "decided_at": BEFORE, "expires_at": EXPIRES,
    }  # fmt: skip
    return effect("shares", key, **{**body, **said})


def test_newer_shares_are_held_and_older_ones_refused() -> None:
    shares = HeldShares()
    assert shares.held is None
    shares.send(told(7000, "first"))
    shares.send(told(8000, "second"))
    shares.send(told(8000, "renewed"))
    with pytest.raises(TiltyardError, match="TARGET_REFUSED"):
        shares.send(told(7000, "first"))
    assert shares.held is not None
    assert shares.held.revision == 8000
    assert shares.has(told(8000, "renewed"))
    assert not shares.has(told(8000, "second"))


def test_until_they_expire_challengers_have_theirs_and_then_the_champion_all() -> None:
    shares = HeldShares()
    shares.send(told())
    assert shares.held is not None
    before, after = shares.held.split(BEFORE, "salt"), shares.held.split(EXPIRES, "salt")
    assert before is not None
    assert after is not None
    given = {before.choose(f"episode {n}").policy for n in range(200)}
    assert given == {"prod", "bot"}
    assert {after.choose(f"episode {n}") for n in range(200)} == {("prod", 1.0, 0)}


def test_nobody_has_any_while_entries_are_stopped_or_there_is_no_champion() -> None:
    shares = HeldShares()
    shares.send(told(7000, entries_stopped_by=["person"]))
    assert shares.held is not None
    assert shares.held.split(BEFORE, "salt") is None
    shares.send(told(8000, champion=None, shares={}))
    assert shares.held is not None
    assert shares.held.split(BEFORE, "salt") is None


@pytest.mark.parametrize("wrong", [{"shares": 7}, {"expires_at": "soon"}, {"revision": None}])
def test_what_are_no_shares_is_refused(wrong: dict[str, object]) -> None:
    shares = HeldShares()
    body = json.loads(told().body) | wrong
    with pytest.raises(TiltyardError, match="TARGET_REFUSED"):
        shares.send(replace(told(), body=canonical(body)))
    assert shares.held is None
