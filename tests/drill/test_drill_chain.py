"""What a drill says of live shares: as they were, moved by somebody, or moved by nobody known."""

from pathlib import Path
from typing import Any

import pytest

from live_desks import NOON, SETTINGS, asked, audited, desk_on, good_ledger
from tiltyard.facts.command import LASTS, Command
from tiltyard.shell.drill.chain import _of_desk, _of_shares
from tiltyard.shell.live import TICK

PAGE = {"event": "page", "cause": "drill", "policy": ""}
BEFORE, AFTER = {"shares": {"prod": 0.9, "bot": 0.1}}, {"shares": {"prod": 1.0}}


@pytest.mark.parametrize(
    ("since", "state", "said"),
    [
        ([PAGE], "lost", "a live share has moved, and the audit does not say why"),
        ([], "lost", "a live share has moved, and the audit does not say why"),
        (
            [PAGE, {"event": "halt", "cause": "challenger_drawdown_high", "policy": "bot"}],
            "there", "moved meanwhile, and not by the drill: halt by challenger_drawdown_high",
        ),
        (
            [{"event": "external_edit", "cause": "sql", "policy": "bot"},
             {"event": "review", "cause": "consecutive_losses_high", "policy": "bot"}],
            "there", "moved meanwhile, and not by the drill: external_edit by sql",
        ),
        (
            [{"event": "register", "actor": "ann"}], "there",
            "moved meanwhile, and not by the drill: register by ann",
        ),
    ],
)  # fmt: skip
def test_a_share_that_moved_is_explained_by_the_audit_or_the_link_is_lost(
    since: list[dict[str, Any]], state: str, said: str
) -> None:
    link = _of_shares(BEFORE, AFTER, since)
    assert (link.state, link.said) == (state, said)


def test_shares_that_stayed_are_said_to_have_stayed() -> None:
    assert _of_shares(BEFORE, dict(BEFORE), [PAGE]).said == "nobody's live share has moved"


def test_nobody_is_told_of_a_drill_of_long_ago() -> None:
    drill = Command("a", "drill", "", "ann", "a drill", NOON, {"drill": "drill_x"})
    assert drill.refusal(NOON + LASTS) is None
    late = drill.refusal(NOON + LASTS + TICK)
    assert late is not None
    assert late.code == "COMMAND_EXPIRED"
    job = Command("b", "page", "", "jobs", "a step failed", NOON, {"run": "weekly"})
    assert job.refusal(NOON + 100 * LASTS) is None


@pytest.mark.parametrize("observes", [False, True])
def test_a_desk_that_only_observes_is_a_lost_link(tmp_path: Path, observes: bool) -> None:  # noqa: FBT001 a case
    with good_ledger(tmp_path / "desk.db") as ledger:
        with desk_on(ledger, NOON, observe=observes) as desk:
            assert asked(ledger, desk, "drill", "", NOON, drill="drill_x").code == ""
        (event,) = audited(ledger, "page")
    link = _of_desk([event], SETTINGS.checklist, 0.1)
    assert link.state == ("lost" if observes else "there")
    assert ("it only observes" in link.said) == observes
