"""The list of commands: everything that was asked is in it, and it fits a terminal."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.facts.command import Command, Outcome, Verb
from tiltyard.shell.report.asked import WIDTH, asked_json, asked_text

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
POLICY = "reinforcement_20250707_154526_eee02a74"
DIGEST = "0123456789abcdef" * 4
ROLLBACK = Command(
    "a key", "rollback", POLICY, "kim", "position size was four times too large, and whoever "
    "answers for it has agreed unconditionally, and in writing", NOON,
    {"to": "trend_20250301_000000_c4a3b105", "digest": DIGEST, "kind": ""}, 12,
)  # fmt: skip


def test_a_command_is_listed_with_what_was_said_why_and_what_came_of_it() -> None:
    done = Outcome("", "bot: halted, traffic 10.0 % to 0 %\n  nothing was open", NOON)
    assert asked_text(ROLLBACK, done).splitlines() == [
        f"  12  2025-07-07T12:00:00Z  kim: rollback {POLICY},",
        "        to=trend_20250301_000000_c4a3b105,",
        f"        digest={DIGEST}",
        "      why: position size was four times too large, and whoever answers for it has agreed",
        "        unconditionally, and in writing",
        "      bot: halted, traffic 10.0 % to 0 %",
        "        nothing was open",
    ]
    assert asked_text(ROLLBACK, None).endswith("\n      waiting")


def test_programs_read_the_arguments_too() -> None:
    body = asked_json(ROLLBACK, None)
    assert body["arguments"] == ROLLBACK.arguments
    assert (body["outcome"], body["text"]) == (None, None)
    assert asked_json(ROLLBACK, Outcome("ON_HOLD", "no", NOON))["outcome"] == "ON_HOLD"


def test_what_somebody_typed_does_not_steer_the_terminal() -> None:
    rude = Command("a key", "freeze", "", "k\x1b[2Jim", "line\none\x07", NOON)
    assert asked_text(rude, None).splitlines() == [
        "   0  2025-07-07T12:00:00Z  k\\x1b[2Jim: freeze",
        "      why: line one\\x07",
        "      waiting",
    ]


@pytest.mark.parametrize(
    ("verb", "arguments", "typed"),
    [("stop_all", {}, "stop-all"), ("acknowledge", {"number": "3"}, "review ack, number=3")],
)
def test_a_verb_is_told_as_people_type_it_and_programs_read_its_name(
    verb: Verb, arguments: dict[str, str], typed: str
) -> None:
    asked = Command("a key", verb, "", "kim", "", NOON, arguments)
    assert asked_text(asked, None).splitlines()[0].endswith(f"kim: {typed}")
    assert asked_json(asked, None)["verb"] == verb
    assert str(asked) == typed.partition(",")[0]


words = st.text(st.characters(codec="utf-8"), max_size=150)


@given(words, words, words, words)
def test_no_line_is_wider_than_a_terminal_and_nothing_is_left_out(
    actor: str, reason: str, value: str, answer: str
) -> None:
    asked = Command("a key", "register", POLICY, actor, reason, NOON, {"kind": value})
    text = asked_text(asked, Outcome("", answer, NOON))
    assert all(len(line) <= WIDTH and line.isprintable() for line in text.split("\n"))
    shown = "".join(text.split())
    for said in (actor, reason, value, answer):
        assert all(letter in shown for letter in said if letter.isprintable() and letter != " ")
