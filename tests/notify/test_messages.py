"""What people read on their phones, word by word."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from notify.scenes import BOT, NEW, NOON, PROD, TAKEN, by, marks, messages, roster
from tiltyard.actions.record import acted
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.facts.action import PERSON
from tiltyard.facts.arm import Arm
from tiltyard.shell.effects.announce import QUIET
from tiltyard.shell.notify.message import Message, grouped, said, spoken, written
from tiltyard.shell.notify.scene import FLAGS, METRICS, Scene
from tiltyard.shell.notify.severity import BY_CAUSE, BY_KIND, severity_of

GOLDEN = Path(__file__).parents[1] / "golden" / "messages.txt"
BERLIN = ZoneInfo("Europe/Berlin")
KINDS_IN_THE_AUDIT_ALONE = {"external_edit", "begin_now", "skip_scale", "raise_ceiling", "graduate"}


def test_every_message_reads_as_it_did() -> None:
    told = "\n".join(
        f"## {name} ({one.severity})\n{one.title}\n{spoken(one, one.at, BERLIN)}\n"
        for name, one in messages().items()
    )
    assert told == GOLDEN.read_text("utf-8")


def test_no_message_is_longer_than_a_phone_shows() -> None:
    for name, one in messages().items():
        assert len(one.title) <= 80, name
        assert len(one.lines) <= 9, name
        assert "\n" not in one.title, name


def test_every_kind_that_people_are_told_has_a_severity() -> None:
    from typing import get_args  # noqa: PLC0415 only here

    from tiltyard.facts.action import Kind  # noqa: PLC0415 only here

    told = set(get_args(Kind)) - set(QUIET) - KINDS_IN_THE_AUDIT_ALONE | {"unfreeze_ramp"}
    assert told == set(BY_KIND)
    assert {kind for kind, _ in BY_CAUSE} <= set(BY_KIND)


@pytest.mark.parametrize("guard", DEFAULT_CHECKLIST.guards, ids=lambda guard: guard.name)
def test_what_a_guard_did_matters_as_much_as_the_guard_says(guard: object) -> None:
    name, severity = guard.name, guard.severity  # type: ignore[attr-defined]
    event = acted(by("page", "", name, reason="x"), "", "desk")
    assert severity_of(event, DEFAULT_CHECKLIST) == severity
    back = acted(by("allow_entries", "", name, reason="x"), "", "ann")
    assert severity_of(back, DEFAULT_CHECKLIST) == "info"


def test_what_an_alert_asked_for_matters_as_much_as_its_guard_says() -> None:
    event = {"event": "halt", "cause": PERSON, "policy": BOT, "command": 7}
    assert severity_of(event, DEFAULT_CHECKLIST) == "warning"
    by_alert = {**event, "alert": "ChallengerDrawdownHigh"}
    assert severity_of(by_alert, DEFAULT_CHECKLIST) == "critical"


def test_a_guard_that_is_not_in_the_checklist_any_more_is_told_all_the_same() -> None:
    event = acted(by("halt", BOT, "a_former_guard", reason="pf < 1", **TAKEN), "", "desk")
    message = written([event], Scene(roster(), marks(), DEFAULT_CHECKLIST))
    assert (message.title, message.severity) == ("eee02a74 halted", "warning")


def test_a_kind_that_nobody_has_words_for_is_told_by_its_name() -> None:
    event = {"event": "something_new", "at": NOON, "cause": "ladder", "policy": BOT, "reason": "x"}
    message = written([event], Scene(roster(), marks(), DEFAULT_CHECKLIST))
    assert message.title == "eee02a74: Something new"


def test_a_suffix_that_two_policies_share_is_not_used() -> None:
    twin = Arm(f"another{BOT}", "challenger", "candidate", 0, 0.1, 0, None, NOON)
    scene = Scene(roster().with_arm(twin), marks(), DEFAULT_CHECKLIST)
    assert scene.short(BOT) == BOT
    assert scene.short(PROD) == "0a11ce55"


def test_a_number_beside_its_limit_is_told_apart_from_it() -> None:
    event = acted(
        by("halt", BOT, "challenger_drawdown_high", value=4.00004, limit=4, **TAKEN), "", "desk"
    )
    message = written([event], Scene(roster(), marks(), DEFAULT_CHECKLIST))
    assert message.title == "eee02a74 halted: drawdown 4.00004 % > 4 %"


def test_what_is_one_thing_to_people_is_one_message() -> None:
    both = [
        acted(by(kind, PROD, "champion_profit_factor_low"), "", "desk")
        for kind in ("page", "propose_rollback")
    ]
    other = acted(by("page", "", "system_downtime"), "", "desk")
    command = [
        {**acted(by(kind, one, "rollback"), "", "ann"), "command": 3}
        for kind, one in (("halt", PROD), ("crown", BOT))
    ]
    night = [acted(by("scale", one, "ladder"), "", "desk") for one in (BOT, NEW)]
    groups = grouped([both[0], other, both[1], *command, *night])
    assert [[event["event"] for event in group] for group in groups] == [
        ["propose_rollback", "page"], ["page"], ["halt", "crown"], ["scale", "scale"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (timedelta(seconds=90), "Mon 07 Jul 14:00:05 CEST"),
        (timedelta(minutes=58), "Mon 07 Jul 14:00:05 CEST, told 58 min later"),
        (timedelta(hours=9, minutes=5), "Mon 07 Jul 14:00:05 CEST, told 9 h 5 min later"),
    ],
)
def test_what_is_told_late_says_when_it_happened_and_how_late_it_is(
    later: timedelta, told: str
) -> None:
    text = spoken(Message("t", ("line",), "warning", NOON), NOON + later, BERLIN)
    assert text.splitlines() == ["line", told]


def test_a_link_stands_in_a_line_of_its_own() -> None:
    text = spoken(Message("t", (), "critical", NOON), NOON, BERLIN, "https://desk/v1/x")
    assert text.splitlines()[-1] == "Acknowledge: https://desk/v1/x"


def test_what_cannot_be_put_into_words_is_told_without_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    event = {"event": "halt", "at": NOON, "policy": BOT, "cause": "challenger_drawdown_high"}
    message = said([event], Scene(roster(), marks(), DEFAULT_CHECKLIST))
    assert (message.title, message.severity) == (f"{BOT} halt", "critical")
    assert "could not be put into words" in caplog.text


def test_whatever_somebody_is_called_a_title_is_one_line() -> None:
    halt = by("halt", BOT, "person", reason="a\nb", **TAKEN)
    event = {**acted(halt, "", "ann\r\nBcc: all" + "x" * 500), "command": 1}
    message = written([event], Scene(roster(), marks(), DEFAULT_CHECKLIST))
    assert message.title.startswith("eee02a74 halted, by ann Bcc: allxxx")
    assert len(message.title) == 150
    assert "reason: a b" in message.lines


def test_every_metric_that_a_guard_watches_by_default_has_words_of_its_own() -> None:
    watched = {guard.metric for guard in DEFAULT_CHECKLIST.guards}
    assert watched <= {*METRICS, *FLAGS}
