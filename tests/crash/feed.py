"""Feeds a ledger until its input ends: trades, commands, and what people edit by SQL.

    python feed.py URL SEED

What comes out at the end is what the database said it has taken, as JSON.
"""

import json
import random
import select
import sys
from collections.abc import Callable

from crash.floor import MINUTE, SECOND, append, trade
from tiltyard.facts.command import Command, Verb
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.clock import system_now
from tiltyard.shell.store.command_table import append_command
from tiltyard.shell.store.ledger import Ledger

ARMS = tuple(f"bot{number:02}" for number in range(20))
SHARE = 0.02
BREACH = 0.03
EDIT = (
    "UPDATE bandit_arms SET traffic_allocation = {share} "
    "WHERE policy_id = (SELECT id FROM policies WHERE name = '{name}')"
)
VERBS: tuple[Verb, ...] = (
    "halt", "throttle", "acknowledge", "acknowledge", "rearm", "rearm", "rearm", "freeze",
    "resume", "resume", "scale",
)  # fmt: skip
OF_ALL = ("freeze", "resume", "scale")


def main() -> None:
    url, seed = sys.argv[1:]
    rng = random.Random(int(seed))  # noqa: S311 chance, not secrets
    taken = {"trades": 0, "commands": 0, "edits": 0, "breaches": 0}
    number = 0
    with Ledger.open(url) as ledger:

        def one_trade(name: str) -> None:
            breaks = rng.random() < BREACH
            pnl = -600.0 if breaks else round(rng.gauss(3, 10), 2)
            fact = trade(name, number, pnl, 0 * SECOND, source="soak")
            now = system_now()
            closed = now - rng.random() * SECOND
            append(ledger, [fact._replace(opened_at=closed - MINUTE, closed_at=closed)], now)
            taken["trades"] += 1
            taken["breaches"] += breaks

        def one_command(name: str) -> None:
            verb = rng.choice(VERBS)
            whom = "" if verb in OF_ALL else name
            asked = Command(f"key-{number}", verb, whom, "ann", "because", system_now())
            with ledger.transaction() as inside:
                append_command(inside.connection, asked)
            taken["commands"] += 1

        def one_edit(name: str) -> None:
            share = rng.choice((0, 0.01, 0.02, 0.3))
            with ledger.transaction() as inside:
                inside.connection.exec_driver_sql(EDIT.format(share=share, name=name))
            taken["edits"] += 1

        kinds: list[Callable[[str], None]] = [*[one_trade] * 8, *[one_command] * 2, one_edit]
        while not select.select([sys.stdin], [], [], 0.02)[0]:
            number += 1
            try:
                rng.choice(kinds)(rng.choice(ARMS))
            except TiltyardError as error:
                if error.code != "DATABASE_LOCKED":
                    raise
    print(json.dumps(taken))  # noqa: T201 the answer


if __name__ == "__main__":
    main()
