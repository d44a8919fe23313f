"""What ``doctor`` says of those who were not told: who is named no more is one line."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tiltyard.shell.report.outside import untold_lines
from tiltyard.shell.store.outbox import NOTICE, PAGE, SHARES, UNNAMED, Effect

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
FAILED = Effect(
    7, "a key", "webhook", NOTICE, "{}", "failed", 8, NOON, NOON, NOON, "no answer within 5 s"
)
LEFT = [
    replace(
        FAILED, seq=seq, told=f"{UNNAMED} 'webhook'", settled_at=NOON + timedelta(minutes=seq)
    )
    for seq in range(20, 33)
]  # fmt: skip
IN_VAIN = replace(FAILED, seq=9, kind=SHARES, state="requested", settled_at=None, told="refused")


def test_what_failed_at_a_target_that_is_named_is_told_one_by_one() -> None:
    assert untold_lines([IN_VAIN], [FAILED, replace(FAILED, seq=8)], ["webhook"]) == [
        "webhook does not know the shares of 2025-07-07T12:00:00Z: refused",
        "effect 7 on webhook failed: no answer within 5 s",
        "effect 8 on webhook failed: no answer within 5 s",
    ]


def test_what_somebody_has_not_taken_yet_is_told_with_how_often_it_was_tried() -> None:
    page = replace(IN_VAIN, kind=PAGE, target="notify:ann", attempts=3, told="it is off")
    assert untold_lines([page], [], ["notify:ann"]) == [
        "notify:ann has not taken a page of 2025-07-07T12:00:00Z, tried 3 times: it is off"
    ]


def test_whatever_a_target_lacks_that_is_named_no_more_is_one_line() -> None:
    (told,) = untold_lines([IN_VAIN], [FAILED, *LEFT], ["file"])
    assert told == (
        "webhook is named by the settings no more, and was not told of 15 effects, the last at "
        "2025-07-07T12:32:00Z: nothing is to be done, or name it again in [effects]"
    )


def test_a_target_that_is_named_again_has_its_own_failures_apart() -> None:
    own, left = untold_lines([], [FAILED, *LEFT[:1]], ["webhook"])
    assert own == "effect 7 on webhook failed: no answer within 5 s"
    assert left == (
        "webhook was not told of 1 effect while the settings did not name it, the last at "
        "2025-07-07T12:20:00Z: nothing is to be done"
    )


def test_nothing_is_said_where_everybody_knows_everything() -> None:
    assert untold_lines([], [], ["webhook"]) == []
