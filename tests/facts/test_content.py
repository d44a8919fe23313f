"""What facts say, as a hash: records of earlier versions are verified by it."""

from datetime import UTC, datetime

from tiltyard.facts.content import digest_of
from tiltyard.facts.decision import Decision

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def decided(tercile: int | None) -> Decision:
    return Decision("e", "SOL", "prod", 0.5, 7000, AT, tercile, AT.hour, (tercile or 0) + 1)


def test_decisions_whose_volatility_is_known_have_the_digest_that_they_always_had() -> None:
    kept = "37227489eaf00e6cac9720f4e96a791f570bd985b7bad4a4df298062ef5f4566"
    assert digest_of(map(decided, range(3))) == kept


def test_a_volatility_that_nobody_knows_is_another_content_than_calm() -> None:
    assert digest_of([decided(None)]) != digest_of([decided(0)])
