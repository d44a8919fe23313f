"""What was done says what was seen, and by whom."""

from collections.abc import Mapping

import pytest

from records import BOT
from tiltyard.facts.action import DRILL, JOB
from tiltyard.facts.arm import Roster
from tiltyard.shell.notify.settling import is_over, settled_by
from tiltyard.shell.store.page_table import Settled

RESUMED = {"event": "resume", "policy": BOT, "cause": "challenger_profit_factor_low"}


@pytest.mark.parametrize(
    ("event", "settled"),
    [
        ({**RESUMED, "mode": "enforce"}, Settled("desk", "it is back", policy=BOT)),
        ({"event": "rearm", "policy": BOT, "actor": "ann"},
         Settled("ann", "it is on trial again", policy=BOT)),
        ({"event": "acknowledge", "policy": BOT, "cause": "x", "number": 7, "actor": "ann"},
         Settled("ann", "review 7 was acknowledged", policy=BOT, cause="x")),
        ({"event": "unfreeze_challengers", "policy": "", "cause": "deadman", "actor": "ann"},
         Settled("ann", "the hold was ended", event="freeze_challengers", cause="deadman")),
        ({"event": "crown", "policy": BOT, "actor": "ann"},
         Settled("ann", f"{BOT} is the champion", event="propose_rollback")),
    ],
    ids=lambda case: case["event"] if isinstance(case, Mapping) else "",
)  # fmt: skip
def test_what_was_done_settles_what_it_is_about(
    event: Mapping[str, object], settled: Settled
) -> None:
    assert list(settled_by([event])) == [settled]


@pytest.mark.parametrize("kind", ["resume", "allow_entries", "unfreeze_challengers"])
def test_what_a_guard_only_observes_settles_nothing(kind: str) -> None:
    assert list(settled_by([{**RESUMED, "event": kind, "mode": "observe"}])) == []


@pytest.mark.parametrize("kind", ["halt", "register", "scale"])
def test_what_takes_or_adds_something_settles_nothing(kind: str) -> None:
    assert list(settled_by([{"event": kind, "policy": BOT, "cause": "x"}])) == []


@pytest.mark.parametrize("cause", [JOB, DRILL])
def test_a_failed_job_and_a_drill_are_settled_by_nobody_but_a_person(cause: str) -> None:
    assert not is_over("", cause, Roster(), {}, {})
