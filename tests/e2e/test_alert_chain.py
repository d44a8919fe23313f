"""Both chains in one house: what the desk does at once, and what Prometheus makes of the same.

Nothing here is a stand-in: a desk that serves, facts posted to its API, Prometheus and
Alertmanager with the files that the desk has generated, and a mail server.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.alert_chain import House, house
from served import serving, trade
from tiltyard.shell.clock import system_now
from tiltyard.shell.store.command_table import every_command
from tiltyard.shell.store.ledger import Ledger
from waiting import until

LONG = 60.0
CAPITAL = "10000"
# alert, guard, policy, what of the value is read in the mail
ALERTS = [
    ("ChallengerProfitFactorLow", "challenger_profit_factor_low", "bot0", "0.5"),
    ("ChallengerDrawdownHigh", "challenger_drawdown_high", "bot1", "5%"),
    ("EncoderKLDivergenceHigh", "encoder_kl_divergence_high", "bot2", "0.5"),
    ("ConsecutiveLossesHigh", "consecutive_losses_high", "bot3", "6"),
    ("GPUUtilizationHigh", "gpu_utilization_high", "", "93%"),
    ("AccountBalanceLow", "account_balance_low", "", "5.00"),
    ("APIErrorRateHigh", "api_error_rate_high", "", "10%"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as built:
        yield built


def closed(number: str, policy: str, pnl: float) -> dict[str, Any]:
    now = system_now().isoformat()
    said = {"opened_at": now, "closed_at": now, "capital": CAPITAL}
    return {**trade(0, policy, pnl), "trade_id": number, **said}


def observed(name: str, number: float, policy: str = "") -> dict[str, Any]:
    said = {"name": name, "number": number, "observed_at": system_now().isoformat()}
    return {**said, "policy": policy} if policy else said


def report(client: httpx.Client, kind: str, items: list[dict[str, Any]]) -> None:
    answer = client.post(f"/v1/{kind}", json={kind: items})
    assert answer.status_code == 200, answer.text


def states(client: httpx.Client) -> Mapping[str, str]:
    return {one["policy"]: one["state"] for one in client.get("/v1/policies").json()["policies"]}


def received(client: httpx.Client, status: str = "firing") -> set[tuple[str, str]]:
    told = client.get("/v1/alerts").json()["alerts"]
    return {(one["name"], one["policy"]) for one in told if one["status"] == status}


def commands(home: House) -> list[str]:
    with Ledger.open(home.desk.database) as ledger, ledger.snapshot() as still:
        return [str(command) for command, _ in every_command(still.connection)]


def test_every_alert_of_the_table_is_raised_told_and_ends_by_the_real_way(home: House) -> None:
    losing = [closed(f"a{n}", "bot0", -2 if n % 2 else 1) for n in range(30)]
    streak = [closed(f"c{n}", "bot3", -1) for n in range(6)]
    with home.desk.asking() as bots:
        report(bots, "trades", [*losing, closed("b", "bot1", -500), *streak])
        until(lambda: states(bots)["bot1"] == "halted")
        assert states(bots)["bot0"] == "throttled"
        until(lambda: any("bot1" in title for title in home.phone.titles))

        def all_fire() -> bool:
            gauges = [("gpu_util_pct", 93), ("learner_progress", 0), ("account_balance", 5)]
            now = [observed(name, number) for name, number in gauges]
            counted = [observed("api_calls", 100), observed("api_errors", 10)]
            report(
                bots,
                "observations",
                [*now, *counted, observed("encoder_kl_divergence", 0.5, "bot2")],
            )
            return home.firing() >= {(name, policy) for name, _, policy, _ in ALERTS}

        until(all_fire, LONG)
        expected = {(name, policy) for name, _, policy, _ in ALERTS}
        until(lambda: received(bots) >= expected, LONG)
        until(lambda: all(home.mails(name, policy) for name, _, policy, _ in ALERTS), LONG)
        for name, guard, policy, number in ALERTS:
            (body, *_) = home.mails(name, policy)
            assert guard in body
            assert policy in body
            assert number in body, body
            others = {f"bot{n}" for n in range(5)} - {policy}
            assert not [other for other in others if other in body], "one policy to a mail"
        assert not {one for one in home.firing() if one[1] == "bot4"}

        mended = [("gpu_util_pct", 3), ("learner_progress", 1), ("account_balance", 1000)]
        gauges = [observed(name, number) for name, number in mended]
        counted = [observed("api_calls", 100_000), observed("api_errors", 0)]
        drift = observed("encoder_kl_divergence", 0.1, "bot2")
        report(bots, "observations", [*gauges, *counted, drift])
        report(bots, "trades", [closed("c-won", "bot3", 5)])
        _let_go(bots)
        until(lambda: not home.firing() & expected, LONG)
        until(lambda: received(bots, "resolved") >= expected, LONG)
        until(
            lambda: all(
                home.mails(f"fires no longer: {name}", policy) for name, _, policy, _ in ALERTS
            ),
            LONG,
        )
        assert states(bots)["bot2"] == "probation", "nobody has taken from it"


def _let_go(bots: httpx.Client) -> None:
    """What people do afterwards."""
    for hold in bots.get("/v1/policies").json()["on_hold"]:
        assert bots.post("/v1/resume", json={"hold": hold["by"]}).status_code in (200, 409), hold
    for review in bots.get("/v1/reviews").json()["reviews"]:
        number = review["number"]
        assert bots.post(f"/v1/reviews/{number}/acknowledge", json={}).status_code == 200
    for policy in ("bot0", "bot1"):
        assert bots.post(f"/v1/policies/{policy}/rearm", json={}).status_code == 200


def test_a_gap_in_scraping_takes_nothing_back_from_a_persons_word(home: House) -> None:
    alerts = {("AccountBalanceLow", ""), ("ModelUnhealthy", "bot3")}

    def said(bots: httpx.Client) -> list[str]:
        told = bots.get("/v1/alerts").json()["alerts"]
        told = [one for one in told if (one["name"], one["policy"]) in alerts]
        return [one["said"] for one in told if one["status"] == "firing"]

    with home.desk.asking() as bots:
        bad = [observed("account_balance", 5), observed("model_healthy", 0, "bot3")]
        report(bots, "observations", bad)
        until(lambda: states(bots)["bot3"] == "halted")
        until(lambda: home.firing() >= alerts, LONG)
        until(lambda: sum("already" in one for one in said(bots)) == len(alerts), LONG)
        assert bots.post("/v1/resume", json={"hold": "account_balance_low"}).status_code == 200
        for review in bots.get("/v1/reviews").json()["reviews"]:
            number = review["number"]
            assert bots.post(f"/v1/reviews/{number}/acknowledge", json={}).status_code == 200
        assert bots.post("/v1/policies/bot3/rearm", json={}).status_code == 200
        before, asked = states(bots), commands(home)
        home.wire.cut()
        try:
            until(lambda: not said(bots), LONG)
        finally:
            home.wire.mend()
        known = "the desk has known this breach since"
        until(lambda: sum(known in one for one in said(bots)) == len(alerts), LONG)
        assert (states(bots), commands(home)) == (before, asked)
        assert not bots.get("/v1/policies").json()["on_hold"]

        well = [observed("account_balance", 1000), observed("model_healthy", 1, "bot3")]
        report(bots, "observations", well)
        until(lambda: not home.firing() & alerts, LONG)


def test_what_the_desk_itself_does_not_see_takes_the_traffic_by_the_other_chain(
    home: House,
) -> None:
    """A desk that measures wrongly; here another machine measures the arm."""
    series = "tiltyard_drawdown_ratio"
    labels = 'policy="bot4",role="challenger",window="trial",book="live"'
    with home.desk.asking() as bots:
        assert states(bots)["bot4"] == "probation"
        home.elsewhere.shown = f"{series}{{{labels}}} 0.2\n"
        until(lambda: states(bots)["bot4"] == "halted", LONG)
        assert commands(home)[-1] == "halt bot4"
        until(lambda: any("bot4 halted" in title for title in home.phone.titles), LONG)
        (told,) = [one for one in home.phone.told if "bot4 halted" in one["title"]]
        assert told["type"] == "failure", "critical, as when the desk sees it itself"
        assert "ChallengerDrawdownHigh" in told["message"]
        home.elsewhere.shown = ""
        until(lambda: ("ChallengerDrawdownHigh", "bot4") in received(bots, "resolved"), LONG)
        assert states(bots)["bot4"] == "halted", "what is over gives nothing back"


def test_a_test_alert_is_seen_to_arrive_at_the_desk_and_nothing_follows(home: House) -> None:
    folder = Path(home.desk.database).parent
    before = commands(home)
    done = subprocess.run(
        [sys.executable, "-m", "tiltyard", "alerts", "test", "--json", "--db", home.desk.database,
         "--alertmanager-url", home.alertmanager.url],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["receivers"] == ["tiltyard-critical"]
    assert said["desk_seconds"] > 0
    until(lambda: bool(home.mails("TEST TiltyardTest")), LONG)
    assert commands(home) == before


def test_a_wire_that_is_cut_takes_nobodys_traffic(home: House) -> None:
    with home.desk.asking() as bots:
        before, asked = states(bots), commands(home)
        home.wire.cut()
        try:
            until(lambda: ("SystemDowntime", "") in home.firing(), LONG)
            until(lambda: bool(home.mails("SystemDowntime")), LONG)
            until(lambda: ("SystemDowntime", "") in received(bots), LONG)
            asked_for = {"inhibited": "false", "filter": 'test!="true"'}
            loud = home.alertmanager.get("/api/v2/alerts", **asked_for)
            assert {one["labels"]["alertname"] for one in loud} == {"SystemDowntime"}
            assert states(bots) == before
            assert commands(home) == asked
        finally:
            home.wire.mend()
        until(lambda: ("SystemDowntime", "") not in home.firing(), LONG)
        until(lambda: bool(home.mails("fires no longer: SystemDowntime")), LONG)


def test_a_desk_that_is_killed_is_missed_and_the_next_one_is_told_that_it_is_over(
    home: House, tmp_path: Path
) -> None:
    port = int(home.desk.url.rpartition(":")[2])
    mails = len(home.mails("SystemDowntime"))
    home.desk.process.kill()
    home.desk.process.wait()
    until(lambda: len(home.mails("SystemDowntime")) > mails, LONG)
    settings = (Path(home.desk.database).parent / "tiltyard.toml").read_text("utf-8")
    with serving(home.desk.database, tmp_path, settings, port) as again, again.asking() as bots:
        until(lambda: ("SystemDowntime", "") not in home.firing(), LONG)
        until(lambda: ("SystemDowntime", "") in received(bots, "resolved"), LONG)
        assert states(bots)["bot2"] == "probation"
