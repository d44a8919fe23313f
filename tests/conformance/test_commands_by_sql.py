"""Whatever somebody writes into ``commands`` by SQL is answered, and keeps up nobody."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from conformance.desks import (
    FIRST,
    NOW,
    UNGUARDED,
    Clock,
    asked,
    challenger,
    desk_on,
    employ,
    run_sql,
    shares,
    stranger,
)
from tiltyard.facts.command import SAFETY, Command, Outcome
from tiltyard.kernel.clock import microseconds
from tiltyard.shell.commanding import ask
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.report.asked import asked_json, asked_text
from tiltyard.shell.store.command_table import every_command, pending_commands
from tiltyard.shell.store.ledger import Ledger

INSERT = sa.text(
    "INSERT INTO commands (key, verb, policy, arguments, actor, reason, asked_at) "
    "VALUES (:key, :verb, :policy, :arguments, :actor, :reason, :asked_at)"
)
GOOD = {
    "key": "by hand", "verb": "halt", "policy": FIRST, "arguments": "{}", "actor": "ann",
    "reason": "by hand", "asked_at": microseconds(NOW),
}  # fmt: skip
NO_ARGUMENTS = (
    "", "{", "null", "3", '"halt"', "[]", '[["to", "x"]]', '{"number": 3}', '{"to": null}',
    '{"to": {}}', "number=3", "NaN", "[" * 100_000, '{"a": "b"} {}', "{'to': 'x'}",
)  # fmt: skip
NO_TIMES = (-1, 0, 1_751_932_800, 2**63 - 1, 253_402_300_799_000_000)
ONLY_A_FILE_TAKES = (
    {"asked_at": "2025-07-08 00:00:00"}, {"asked_at": "now"}, {"asked_at": b"\xff"},
    {"asked_at": 1.5}, {"arguments": b"\xff"}, {"arguments": b"[]"},
)  # fmt: skip
ODD_WORDS = ('{"to": "\\ud800"}', '{"to": "a\\u0000b"}', '{"\\ud800": ""}')


def write(ledger: Ledger, **odd: object) -> None:
    with stranger(ledger).begin() as connection:
        connection.execute(INSERT, {**GOOD, **odd})


def only_in_a_file(ledger: Ledger) -> None:
    if ledger.url.get_backend_name() != "sqlite":
        pytest.skip("a server takes only what belongs in a column")


def answers(ledger: Ledger) -> dict[str, Outcome | None]:
    """What came of each command, by key; and every one of them can be shown."""
    with ledger.snapshot() as still:
        every = every_command(still.connection)
    for one in every:
        assert asked_text(*one)
        json.dumps(asked_json(*one)).encode()
    return {command.key: outcome for command, outcome in every}


def code(outcome: Outcome | None) -> str:
    return "waits" if outcome is None else outcome.code


def is_refused_and_keeps_up_nobody(
    ledger: Ledger,
    verb: str = "halt",
    **odd: Any,  # noqa: ANN401 what a column takes
) -> Outcome:
    """First by who stands in for a desk, then by a desk."""
    write(ledger, verb=verb, **odd)
    assert code(answers(ledger)["by hand"]) == "waits"
    assert not asked(ledger, "resume", key="next").refused
    write(ledger, verb=verb, **odd, key="again")
    with ledger.snapshot() as still:
        assert [one.key for one in pending_commands(still.connection)] == ["again"]
    with desk_on(ledger) as desk:
        desk.step(NOW)
    told = answers(ledger)
    first, second = told["by hand"], told["again"]
    assert first is not None
    assert code(first) == code(second)
    assert shares(ledger)[FIRST] == 0.1
    verify(ledger, UNGUARDED, NOW)
    return first


@pytest.fixture(autouse=True)
def floor(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))


@pytest.mark.parametrize("arguments", NO_ARGUMENTS, ids=lambda text: text[:12])
def test_arguments_that_are_none_are_refused_and_shown(ledger: Ledger, arguments: str) -> None:
    refused = is_refused_and_keeps_up_nobody(ledger, arguments=arguments)
    assert refused.code == "COMMAND_UNREADABLE"
    assert f"arguments are {arguments[:40]!r}"[:50] in refused.text
    assert len(refused.text) < 300


@pytest.mark.parametrize("asked_at", NO_TIMES)
def test_a_time_that_is_none_is_refused_and_shown(ledger: Ledger, asked_at: int) -> None:
    refused = is_refused_and_keeps_up_nobody(ledger, asked_at=asked_at)
    assert refused.code == "COMMAND_UNREADABLE"
    assert f"asked at '{asked_at}'" in refused.text


@pytest.mark.parametrize("odd", ONLY_A_FILE_TAKES, ids=str)
def test_what_only_a_file_takes_is_refused(ledger: Ledger, odd: dict[str, Any]) -> None:
    only_in_a_file(ledger)
    assert is_refused_and_keeps_up_nobody(ledger, **odd).code == "COMMAND_UNREADABLE"


@pytest.mark.parametrize("verb", ["scale", "register", "resume", "rollback"])
def test_no_verb_is_carried_out_on_half_of_what_was_said(ledger: Ledger, verb: str) -> None:
    refused = is_refused_and_keeps_up_nobody(ledger, verb, arguments='{"hold": 3}')
    assert refused.code == "COMMAND_UNREADABLE"


@pytest.mark.parametrize("verb", ["", "HALT", "stop-all", "sell everything"])
def test_a_verb_that_nobody_knows_is_refused(ledger: Ledger, verb: str) -> None:
    assert is_refused_and_keeps_up_nobody(ledger, verb).code == "VERB_UNKNOWN"


@pytest.mark.parametrize("arguments", ODD_WORDS)
def test_words_that_cannot_be_written_down_are_escaped(ledger: Ledger, arguments: str) -> None:
    refused = is_refused_and_keeps_up_nobody(ledger, "rollback", policy="c0ffee00x",
                                             arguments=arguments)  # fmt: skip
    assert refused.code == "POLICY_UNKNOWN"


def test_what_can_be_read_is_carried_out(ledger: Ledger) -> None:
    write(ledger)
    with desk_on(ledger) as desk:
        desk.step(NOW)
    assert code(answers(ledger)["by hand"]) == ""
    assert shares(ledger)[FIRST] == 0
    verify(ledger, UNGUARDED, NOW)


def test_it_waits_from_wherever_it_was_written(ledger: Ledger) -> None:
    if ledger.url.get_backend_name() == "sqlite":
        pytest.skip("a file has no search path")
    with stranger(ledger).begin() as connection:
        connection.execute(sa.text("SET search_path = pg_catalog"))
        connection.execute(sa.text(INSERT.text.replace("commands", "public.commands", 1)), GOOD)
    with ledger.snapshot() as still:
        assert [one.key for one in pending_commands(still.connection)] == ["by hand"]


def test_one_that_somebody_has_answered_by_sql_waits_no_more(ledger: Ledger) -> None:
    write(ledger)
    run_sql(ledger, "INSERT INTO outcomes SELECT seq, 'NO', 'no', asked_at FROM commands")
    with ledger.snapshot() as still:
        assert pending_commands(still.connection) == []


def test_text_in_another_encoding_is_obeyed_and_escaped(ledger: Ledger) -> None:
    only_in_a_file(ledger)
    latin = "CAST(X'42F67273652E' AS TEXT)"
    with stranger(ledger).begin() as connection:
        connection.execute(sa.text(INSERT.text.replace(":reason", latin)), GOOD)
    with desk_on(ledger) as desk:
        desk.step(NOW)
    assert shares(ledger)[FIRST] == 0
    with ledger.snapshot() as still:
        ((command, outcome),) = every_command(still.connection)
    assert (command.reason, code(outcome)) == (r"B\xf6rse.", "")


def test_what_is_missing_cannot_be_written(ledger: Ledger) -> None:
    for name in GOOD:
        with pytest.raises(sa.exc.IntegrityError):
            write(ledger, **{name: None})
    assert answers(ledger) == {}


def test_a_command_for_safety_that_cannot_be_read_has_the_last_word_too(ledger: Ledger) -> None:
    """Whoever wrote it wanted something taken; who asked to give looks again."""
    for verb in sorted(SAFETY):
        write(ledger, verb="resume", key=f"before {verb}")
        write(ledger, verb=verb, arguments="?", key=verb)
    with desk_on(ledger) as desk:
        desk.step(NOW)
    told = answers(ledger)
    for verb in SAFETY:
        assert code(told[f"before {verb}"]) == "COMMAND_OVERTAKEN"
        assert code(told[verb]) == "COMMAND_UNREADABLE"


def test_whoever_asks_with_the_key_of_one_that_cannot_be_read_is_told_so(ledger: Ledger) -> None:
    write(ledger, arguments="?")
    same = Command("by hand", "halt", FIRST, "ann", "", NOW)
    told = ask(ledger, UNGUARDED, same, Clock().times(), holder="test", targets={})
    assert told.code == "COMMAND_UNREADABLE"
