"""What is said of a trained policy that trades bars which it has learnt from."""

from datetime import datetime, timedelta

import pytest

from records import BOT, START, trade
from tiltyard.facts.action import Action
from tiltyard.shell.cli.replay import Output
from tiltyard.shell.report.known_bars import KnownBars, KnownBook, known_json, known_row

HOUR = timedelta(hours=1)
UNTIL = START + 10 * HOUR
KNOWS = "it knows these bars until 2025-03-03 10:00Z"


def book(until: datetime | None = UNTIL, began: datetime | None = None) -> KnownBook:
    return KnownBook({BOT: until}, began)


@pytest.mark.parametrize(
    ("closed", "until", "said"),
    [
        ([2, 10, 11], UNTIL, f"{KNOWS}, and opened 2 of its 3 trades before then."),
        ([2, 10], UNTIL, f"{KNOWS}, and opened all of its 2 trades before then."),
        ([2], UNTIL, f"{KNOWS}, and opened its only trade before then."),
        ([11, 12], UNTIL, f"{KNOWS}, and opened none of its 2 trades before then."),
        ([], UNTIL, f"{KNOWS}."),
        ([11, 12], None, "nobody knows which bars it has learnt from."),
    ],
)
def test_a_replay_says_until_when_the_bars_are_known_and_which_trades_are_of_them(
    closed: list[int], until: datetime | None, said: str
) -> None:
    replayed = book(until, began=START)
    for hours in closed:
        replayed.see(trade(BOT, hours, 1, book="shadow" if hours % 2 else "live"))
        replayed.see(trade("other", hours, 1))
    (known,) = replayed.every()
    assert (known.why, str(known)) == (said, f"Not a test of {BOT}: {said}")
    assert replayed.of("other") is None


def test_a_trade_that_opens_when_the_last_known_bar_has_ended_is_of_bars_that_are_not() -> None:
    told = book()
    told.see(trade(BOT, 10, 1)._replace(opened_at=UNTIL))
    assert told.of(BOT) is None
    told.see(trade(BOT, 10, 1)._replace(opened_at=UNTIL - timedelta(seconds=1)))
    assert told.of(BOT) == KnownBars(BOT, UNTIL, 1, 2)


def test_of_a_replay_on_later_bars_nothing_is_said() -> None:
    assert book(began=UNTIL).every() == []
    assert book(began=UNTIL - HOUR).every() == [KnownBars(BOT, UNTIL, 0, 0)]
    assert book(None, began=UNTIL).every() == [KnownBars(BOT, None, 0, 0)]


def test_an_action_is_no_test_by_what_its_arm_knows_and_the_accounts_by_what_any_does() -> None:
    def concerns(policy: str, told: KnownBook) -> bool:
        return told.concerns(Action("scale", policy, "ladder", "enforce", UNTIL + HOUR))

    replayed = book(began=START)
    assert [concerns(policy, replayed) for policy in (BOT, "other", "")] == [True, False, True]
    assert [concerns(policy, book(began=UNTIL)) for policy in (BOT, "")] == [False, False]


def test_programs_are_told_the_same() -> None:
    row = {"until": "2025-03-03T10:00:00Z", "trades": 1, "of": 2}
    known = KnownBars(BOT, UNTIL, 1, 2)
    assert (known_json(known), known_row(known)) == (row, {"policy": BOT, **row})
    assert known_json(None) is None
    assert known_row(KnownBars(BOT, None, 2, 2))["until"] is None


def test_a_number_in_the_timeline_of_a_replay_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    scaled = Action("scale", BOT, "ladder", "enforce", UNTIL, value=3.0, limit=2.0)
    joined = Action("admit", BOT, "registration", "enforce", UNTIL)
    for action, known in ((scaled, True), (joined, True), (scaled, False), (scaled, None)):
        Output().show(action, known=known)
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith(" (not a test)") for line in lines] == [True, False, False, False]
