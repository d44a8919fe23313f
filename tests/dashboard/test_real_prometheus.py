"""Every expression of the dashboard returns numbers, at a real Prometheus that scrapes a real desk.

The desk is driven with trades, marks, decisions, heartbeats and every gauge; a challenger falls
and is halted. Its GPUs are those of an exporter that the test is.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from dashboards import board_of, expressions
from prometheus import INTERVAL, Running, prometheus
from receivers import listening, says
from served import PROD, Served, populate, serving, trade
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.metrics.api_calls import CALLS, ERRORS
from tiltyard.metrics.catalogue import BESIDE_DRIFT, DRIFT, GAUGES, LATENCIES
from tiltyard.shell.clock import system_now
from waiting import until

SETTINGS = """\
[account]
capital = 100_000
[api]
requests_per_second = 10000
[gpu]
source = "{gpus}"
every = 1
"""
SCRAPE = (
    INTERVAL
    + """\
rule_files: [rules.yml]
scrape_configs:
  - job_name: tiltyard
    authorization: {{credentials_file: token}}
    static_configs: [{{targets: ["{desk}"], labels: {{desk: tiltyard}}}}]
"""
)
RULES = """\
groups:
  - name: desk
    rules:
      - alert: Tripped
        expr: 'max by (desk, policy) (tiltyard_guard_state{state="tripped"}) > 0'
        labels: {severity: critical}
"""
GPUS = 'DCGM_FI_DEV_GPU_UTIL{gpu="0"} 37\nDCGM_FI_DEV_GPU_UTIL{gpu="1"} 98\n'
ON_POLICIES = {*LATENCIES, "model_healthy", DRIFT, *BESIDE_DRIFT}
AS_EXPECTED = {"account_balance": 100_000, DRIFT: 0.1}
"""Where 1 would be a breach."""
OF_POLICIES: Sequence[Mapping[str, str]] = ({"policy": PROD}, {"policy": "bot0"})
OF_ACCOUNT: Sequence[Mapping[str, str]] = ({},)
TRADES = 160
RETURN_NOTHING = {
    "Restarts of the learner in the last 24 hours A": "this desk supervises none",
}
"""Places whose expression by nature returns nothing here, and why."""
BOARD = board_of(DEFAULT_CHECKLIST)


@contextmanager
def watched(folder: Path) -> Iterator[tuple[Served, Running]]:
    """A desk, and a Prometheus that has scraped it before anything happened."""
    database = str(folder / "desk.db")
    populate(database, bots=2)
    with ExitStack() as stack:
        gpus = stack.enter_context(listening())
        gpus.script.extend([says(200, GPUS.encode())] * 1000)
        desk = stack.enter_context(serving(database, folder, SETTINGS.format(gpus=gpus.url)))
        beside = folder / "prometheus"
        beside.mkdir()
        (beside / "token").write_text(desk.token("read"), "utf-8")
        (beside / "rules.yml").write_text(RULES, "utf-8")
        config = SCRAPE.format(desk=desk.url.removeprefix("http://"))
        server = stack.enter_context(prometheus(beside, config))
        until(lambda: bool(found(server, "tiltyard_actions_total")))
        yield desk, server


def drive(desk: Served) -> None:
    """A day of a floor."""
    now = system_now()
    with desk.asking("ingest") as bot:
        for first, name in ((0, PROD), (TRADES, "bot0")):
            won_and_lost = [
                trade(first + n, name, "3" if n % 3 else "-2", **times(now, n))
                for n in range(TRADES)
            ]
            report(bot, "trades", *won_and_lost)
        report(bot, "marks", {"policy": "bot0", "marked_at": now.isoformat(), "unrealised": "-1",
                              "open_positions": 2, "exposure": "250"})  # fmt: skip
        gauges = sorted((GAUGES | {CALLS, ERRORS}) - {"bot_heartbeat"})
        for name in gauges:
            policies = OF_POLICIES if name in ON_POLICIES else OF_ACCOUNT
            report(bot, "observations", *(
                {"name": name, "number": AS_EXPECTED.get(name, 1), "samples": 50,
                 "observed_at": now.isoformat(), **policy} for policy in policies
            ))  # fmt: skip
        report(bot, "heartbeats", {"policy": "bot0", "at": now.isoformat()})
        for number in range(120):
            asked = {"episode_id": f"episode {number}", "symbol": "SOL/USDT"}
            assert bot.post("/v1/route", json=asked).status_code == 200
        report(bot, "trades", trade(2 * TRADES, "bot1", "-600", **times(now, 0)))


def times(now: datetime, number: int) -> dict[str, str]:
    closed = now - timedelta(minutes=TRADES - number)
    return {"opened_at": (closed - timedelta(minutes=1)).isoformat(),
            "closed_at": closed.isoformat()}  # fmt: skip


def report(bot: httpx.Client, kind: str, *items: object) -> None:
    answer = bot.post(f"/v1/{kind}", json={kind: items})
    assert answer.status_code == 200, answer.text


def found(server: Running, expression: str) -> list[float]:
    """The numbers that an expression returns."""
    answer = server.get("/api/v1/query", query=expression)["result"]
    return [float(series["value"][1]) for series in answer]


def test_every_expression_returns_numbers_but_for_those_that_are_listed(tmp_path: Path) -> None:
    every = dict(expressions(BOARD))
    waiting = {place: text for place, text in every.items() if place not in RETURN_NOTHING}
    assert len(waiting) == len(every) - len(RETURN_NOTHING)
    with watched(tmp_path) as (desk, server):
        drive(desk)

        def all_have_come() -> bool:
            for place, expression in list(waiting.items()):
                if any(not math.isnan(number) for number in found(server, expression)):
                    del waiting[place]
            return not waiting

        try:
            until(all_have_come, within=60)
        except AssertionError:
            pytest.fail(f"nothing came of: {sorted(waiting)}")
        assert [place for place in RETURN_NOTHING if found(server, every[place])] == []
