"""Money outside the database is decimal text: in the audit, and in what others are told."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tiltyard.facts.command import Command, Verb
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.shell.commanding import take
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.report.asked import asked_json
from tiltyard.shell.settings import AccountSettings, RunSettings, load
from tiltyard.shell.store.command_table import append_command, every_command
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import every_effect

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CAPITAL, LOSS, UNREALISED, EXPOSURE = "12345.678", "-1234.567", "-77.12345", "987.65432"
SETTINGS = load().model_copy(
    update={"run": RunSettings(deadman=1e9), "account": AccountSettings(capital=54321.987)}
)


def ask(ledger: Ledger, verb: Verb, policy: str = "", **arguments: str) -> None:
    command = Command(f"{verb} {policy}", verb, policy, "ann", "", NOON, arguments)
    with ledger.transaction() as inside:
        append_command(inside.connection, command)


def lose(ledger: Ledger, policy: str) -> None:
    closed = NOON + MINUTE
    trade = Trade("bot", policy, policy, "BTC/USDT", "long", NOON, closed, money(LOSS),
                  capital=money(CAPITAL), risk=money("11.1111"), fees=money("2.2222"))  # fmt: skip
    with ledger.staging() as staging:
        staging.add([(0, trade, False)])
        staging.commit(now=closed, known_at=closed)


def a_bad_day(ledger: Ledger) -> None:
    """Arms join, lose, are halted with something open, and the account is nearly empty."""
    token = take(ledger, "desk", NOON)
    assert token is not None
    announcing = Announcing({"webhook": {"notice", "shares"}})
    desk = LiveDesk(ledger, SETTINGS, token, announcing=announcing)
    desk.start()
    for name, role in (("prod", "champion"), ("bot", "challenger")):
        ask(ledger, "register", name, role=role, capital=CAPITAL)
    desk.step(NOON)
    for name in ("prod", "bot"):
        lose(ledger, name)
        mark = Mark(name, NOON + MINUTE / 2, money(UNREALISED), 2, currency="USDT",
                    exposure=money(EXPOSURE), capital=money(CAPITAL))  # fmt: skip
        ledger.append_marks([mark], known_at=NOON + MINUTE)
    low = Observation("account_balance", 9.25, NOON + MINUTE)
    ledger.append_observations([low], known_at=NOON + MINUTE)
    desk.step(NOON + 2 * MINUTE)
    desk.step(NOON + 60 * MINUTE)


def whole_numbers(body: object) -> Iterator[int]:
    if isinstance(body, Mapping):
        for value in body.values():
            yield from whole_numbers(value)
    elif isinstance(body, list):
        for value in body:
            yield from whole_numbers(value)
    elif isinstance(body, int):
        yield body


def test_no_event_and_no_effect_tells_an_amount_in_the_units_of_the_database(
    tmp_path: Path,
) -> None:
    with Ledger.open(str(tmp_path / "tiltyard.db"), create=True) as ledger:
        a_bad_day(ledger)
        told: list[dict[str, Any]] = [json.loads(row.body) for row in ledger.audit()]
        with ledger.snapshot() as still:
            told += [json.loads(effect.body) for effect in every_effect(still.connection)]
            told += [asked_json(*one) for one in every_command(still.connection)]
        kinds = {body.get("event", "") for body in told}
        assert {"register", "halt", "freeze_challengers", "page", ""} <= kinds
        assert max(number for body in told for number in whole_numbers(body)) < 10**6
        joined = [body["arm"] for body in told if body.get("event") == "register"]
        assert [arm["capital"] for arm in joined if arm["name"] == "bot"] == [CAPITAL, CAPITAL]
        opened = {body["open"] for body in told if body.get("event") == "halt"}
        assert all(
            f"exposure {EXPOSURE} USDT, unrealised {UNREALISED} USDT" in one for one in opened
        )
        pages = [body["value"] for body in told if body.get("cause") == "account_balance_low"]
        assert set(pages) == {"9.25"}
