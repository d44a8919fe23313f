"""The client of a bot, on a desk that runs."""

import asyncio
import runpy
from collections import Counter
from pathlib import Path

import pytest

from command_line import ROOT
from served import NOON, PROD, Served
from tiltyard.client import AsyncClient, Client
from tiltyard.router.split import Split
from tiltyard.shell.store.ledger import Ledger
from waiting import until


def test_what_a_bot_decides_and_reports_is_in_the_ledger(served: Served) -> None:
    token = served.token("ingest", name="client")
    with Client(served.url, token, champion="nobody", source="client") as bot:
        assert bot.wait_until_told(10)
        routes = {f"own {n}": bot.route(f"own {n}", "SOL/USDT") for n in range(50)}
        assert {route.why for route in routes.values()} == {"shares"}
        bot.trade(trade_id=1, policy="bot0", symbol="SOL/USDT", side="long", opened_at=NOON,
                  closed_at=NOON, pnl=-1.5, capital=1000)  # fmt: skip
        bot.trade(trade_id=2, policy="nobody knows it", symbol="SOL/USDT", side="long",
                  opened_at=NOON, closed_at=NOON, pnl=1)  # fmt: skip
        bot.mark(policy="bot0", unrealised=3, open_positions=1)
        bot.heartbeat("bot0")
        bot.observe(name="account_balance", number=17)
        assert bot.flush(20)
        assert len(bot.refused) == 1
    with served.asking("read") as anybody, Ledger.open(served.database) as ledger:
        shares = anybody.get("/v1/route").json()
        split = Split(shares["shares"], revision=shares["revision"], salt=shares["salt"])
        kept = {one.episode_id: one for one in ledger.decisions()}
        for episode, route in routes.items():
            assert split.choose(episode) == (route.policy, route.propensity, route.share_revision)
            assert kept[episode].policy == route.policy
        (trade,) = [one for one in ledger.trades("bot0") if one.source == "client"]
        assert trade.pnl == -150_000_000
        assert [mark.unrealised for mark in ledger.marks("bot0")][-1] == 300_000_000


async def _ask(url: str, token: str) -> str | None:
    async with AsyncClient(url, token, champion="nobody") as bot:
        assert await bot.wait_until_told(10)
        return bot.route("of another kind", "SOL/USDT").policy


def test_the_other_client_is_told_the_same(served: Served) -> None:
    token = served.token("ingest")
    with Client(served.url, token, champion="nobody") as bot:
        assert bot.wait_until_told(10)
        own = bot.route("of another kind", "SOL/USDT").policy
    assert asyncio.run(_ask(served.url, token)) == own


def test_a_halt_reaches_a_bot_within_seconds(served: Served) -> None:
    with Client(served.url, served.token("ingest"), champion="nobody") as bot:
        assert bot.wait_until_told(10)
        assert bot.may_enter("bot3")
        with served.asking("operate") as person:
            assert person.post("/v1/policies/bot3/halt", json={}).status_code == 200
        until(lambda: not bot.may_enter("bot3"))
        assert bot.only_leaves("bot3")


def test_the_first_bot_trades_on_it_as_often_as_it_is_run(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first_bot = runpy.run_path(str(ROOT / "examples" / "first_bot.py"))
    token = served.token("ingest", name="bots")
    entered: Counter[str] = sum(
        (first_bot["main"](served.url, token) for _ in range(2)), start=Counter()
    )
    assert entered[PROD]
    with Ledger.open(served.database) as ledger:
        trades = [one for one in ledger.trades() if one.source == "bots/first-bot"]
    assert Counter(one.policy for one in trades) == entered
    assert {one.revision for one in trades} == {1}, "the second run corrects nothing of the first"
