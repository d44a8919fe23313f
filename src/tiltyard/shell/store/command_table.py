"""Commands and their outcomes in the database: appended, and never changed.

Whatever was typed is kept, escaped where it has to be. A command that could be appended and
then not be carried out would keep every other from being carried out, for good. Which
of them wait is written beside them by the database itself, so that a look costs as much as
there is to do, however much was ever asked, and whoever appends one need not know of it.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from tiltyard.facts.command import GIVING, SAFETY, Command, Outcome
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import storable
from tiltyard.shell.store.command_rows import COLUMNS, command_from
from tiltyard.shell.store.desk_tables import commands, outcomes, waiting_commands

_WAITING = sa.select(
    sa.func.min(waiting_commands.c.command_seq), sa.func.max(waiting_commands.c.command_seq)
)


def append_command(connection: sa.Connection, command: Command) -> int:
    """Append a command; its position, or that of the same one with the same key.

    Raises:
        TiltyardError: ``KEY_TAKEN`` when the key is that of another command.
    """
    command = _storable(command)
    found = connection.execute(sa.select(*COLUMNS).where(commands.c.key == command.key))
    if (row := found.mappings().first()) is not None:
        known = command_from(row)
        if (known.verb, known.policy, known.arguments) != (
            command.verb, command.policy, dict(command.arguments),
        ):  # fmt: skip
            raise TiltyardError(
                "KEY_TAKEN", command.key, f"it is the key of command {known.seq}, {known}",
                "choose another key",
            )  # fmt: skip
        return known.seq
    result = connection.execute(
        commands.insert().values(
            key=command.key,
            verb=command.verb,
            policy=command.policy,
            arguments=json.dumps(dict(command.arguments), sort_keys=True),
            actor=command.actor,
            reason=command.reason,
            asked_at=command.asked_at,
        )
    )
    key = result.inserted_primary_key
    return int(key[0]) if key is not None else 0


def pending_commands(connection: sa.Connection) -> Sequence[Command]:
    """Commands without an outcome, those for safety first, else in the order asked.

    Those that give know which command for safety was asked after them, answered or not.
    """
    w = waiting_commands.c
    first, last = connection.execute(_WAITING).one()
    if first is None:
        return []
    waits = commands.c.seq.in_(sa.select(w.command_seq))
    safety = sa.case((commands.c.verb.in_(sorted(SAFETY)), 0), else_=1)
    query = sa.select(*COLUMNS).where(commands.c.seq.between(first, last), waits)
    query = query.order_by(safety, commands.c.seq)
    found = [command_from(row) for row in connection.execute(query).mappings()]
    return _overtaken(connection, found)


def _overtaken(connection: sa.Connection, found: Sequence[Command]) -> Sequence[Command]:
    giving = [one.seq for one in found if one.verb in GIVING]
    last = _last_for_safety(connection, min(giving)) if giving else None
    if last is None:
        return found
    return [
        replace(one, overtaken_by=last) if one.verb in GIVING and one.seq < last.seq else one
        for one in found
    ]


def _last_for_safety(connection: sa.Connection, after: int) -> Command | None:
    query = sa.select(*COLUMNS).where(commands.c.seq > after, commands.c.verb.in_(sorted(SAFETY)))
    row = connection.execute(query.order_by(commands.c.seq.desc()).limit(1)).mappings().first()
    return None if row is None else command_from(row)


def every_command(connection: sa.Connection) -> Sequence[tuple[Command, Outcome | None]]:
    """Every command and what came of it, in the order asked."""
    query = (
        sa.select(*COLUMNS, outcomes.c.code, outcomes.c.text, outcomes.c.at)
        .outerjoin(outcomes, outcomes.c.command_seq == commands.c.seq)
        .order_by(commands.c.seq)
    )
    return [
        (command_from(row), None if row["at"] is None else _outcome(row))
        for row in connection.execute(query).mappings()
    ]


def keys_carried_out(connection: sa.Connection, prefix: str) -> frozenset[str]:
    """Keys that begin so, of commands that were carried out."""
    done = commands.join(outcomes, outcomes.c.command_seq == commands.c.seq)
    query = sa.select(commands.c.key).select_from(done).where(outcomes.c.code == "")
    query = query.where(commands.c.key.startswith(prefix, autoescape=True))
    return frozenset(connection.scalars(query))


def outcome_of(connection: sa.Connection, seq: int) -> Outcome | None:
    """What came of a command; None while it waits."""
    query = sa.select(outcomes).where(outcomes.c.command_seq == seq)
    row = connection.execute(query).mappings().first()
    return None if row is None else _outcome(row)


def write_outcome(connection: sa.Connection, seq: int, outcome: Outcome) -> None:
    """Settle a command; it can be settled once."""
    connection.execute(
        outcomes.insert().values(
            command_seq=seq, code=outcome.code, text=outcome.text, at=outcome.at
        )
    )


def _outcome(row: sa.RowMapping) -> Outcome:
    return Outcome(row["code"], row["text"], row["at"])


def _storable(command: Command) -> Command:
    return replace(
        command,
        key=storable(command.key),
        policy=storable(command.policy),
        actor=storable(command.actor),
        reason=storable(command.reason),
        arguments={name: storable(value) for name, value in command.arguments.items()},
    )
