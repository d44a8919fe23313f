"""What a bot tells of its model, its speed and its venue, and what a running desk does about it."""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from math import nan
from pathlib import Path
from typing import Any

import pytest

from served import PROD, Served, populate, serving
from tiltyard.client import Client, Pace
from tiltyard.shell.clock import system_now
from tiltyard.shell.store.ledger import Ledger
from waiting import until

WEIGHTS = b"weights"
DIGEST = sha256(WEIGHTS).hexdigest()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    populate(str(folder / "desk.db"))
    with serving(str(folder / "desk.db"), folder) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.onnx"
    path.write_bytes(WEIGHTS)
    return path


def told(desk: Served, address: str) -> dict[str, Any]:
    with desk.asking("read") as anybody:
        answer: dict[str, Any] = anybody.get(address).json()
        return answer


def state_of(desk: Served, policy: str) -> str:
    (arm,) = [one for one in told(desk, "/v1/policies")["policies"] if one["policy"] == policy]
    return str(arm["state"])


def holds(desk: Served) -> dict[str, str]:
    """What is on hold, and what that means."""
    return {one["name"]: one["what"] for one in told(desk, "/v1/policies")["on_hold"]}


def test_a_slow_policy_freezes_the_ramp_though_its_typical_decision_is_quick(desk: Served) -> None:
    with Client(desk.url, desk.token("ingest"), champion=PROD) as bot:
        for number in range(40):
            bot.decided("bot0", 0.01 if number < 37 else 0.3)
            bot.decided(PROD, 0.01)
    until(lambda: holds(desk).get("inference_latency_high") == "no share grows")
    with Ledger.open(desk.database) as ledger:
        seen = {(one.name, one.policy): (one.number, one.samples) for one in ledger.observations()}
    assert seen["inference_latency_p95_ms", "bot0"] == (300, 40)
    assert seen["inference_latency_p50_ms", "bot0"] == (10, 40)


def test_a_challenger_whose_model_answers_no_numbers_is_halted(desk: Served, file: Path) -> None:
    with Client(desk.url, desk.token("ingest"), champion=PROD) as bot:
        assert bot.check_model("bot1", file, DIGEST, lambda: [0.5, 0.5]).healthy
        assert bot.flush()
        assert not bot.check_model("bot1", file, DIGEST, lambda: [0.5, nan]).healthy
    until(lambda: state_of(desk, "bot1") == "halted")
    reviews = {one["policy"]: one["guard"] for one in told(desk, "/v1/reviews")["reviews"]}
    assert reviews["bot1"] == "model_unhealthy"


def test_a_challenger_whose_file_was_exchanged_is_halted_by_the_next_check(
    desk: Served, file: Path
) -> None:
    pace = Pace(renew=0.1)
    with Client(desk.url, desk.token("ingest"), champion=PROD, pace=pace) as bot:
        assert bot.wait_until_told()
        assert bot.check_model("bot2", file, DIGEST, lambda: 0.5, every=0.1).healthy
        assert bot.may_enter("bot2")
        file.with_suffix(".new").write_bytes(b"others")
        file.with_suffix(".new").replace(file)
        until(lambda: not bot.may_enter("bot2"))
    assert state_of(desk, "bot2") == "halted"


@pytest.mark.parametrize("sick", ["NaN", "exchanged"])
def test_for_a_champion_whose_model_is_not_healthy_a_rollback_is_proposed(
    tmp_path: Path, file: Path, sick: str
) -> None:
    populate(str(tmp_path / "desk.db"))
    with serving(str(tmp_path / "desk.db"), tmp_path) as desk:
        with Client(desk.url, desk.token("ingest"), champion=PROD) as bot:
            if sick == "exchanged":
                file.write_bytes(b"others")
            assert not bot.check_model(PROD, file, DIGEST, lambda: nan).healthy
        until(lambda: told(desk, "/v1/reviews")["proposals"] != [])
        (proposal,) = told(desk, "/v1/reviews")["proposals"]
        assert (proposal["kind"], proposal["policy"]) == ("rollback", PROD)
        assert state_of(desk, PROD) == "champion", "only a person lets it go"


def test_a_venue_that_fails_freezes_the_ramp_by_what_all_bots_have_counted(desk: Served) -> None:
    for policy in ("bot3", PROD):
        with Client(desk.url, desk.token("ingest"), champion=PROD) as bot:
            for number in range(15):
                bot.called_venue(failed=number == 0, policy=policy)
    until(lambda: holds(desk).get("api_error_rate_high") == "no share grows")


def test_equal_counts_of_two_bots_of_one_moment_are_two_in_the_ledger(desk: Served) -> None:
    moment = system_now() - timedelta(minutes=1)
    token = desk.token("ingest")
    for _ in range(2):
        with Client(desk.url, token, champion=PROD, now=lambda: moment) as bot:
            for policy in ("", PROD):
                bot.called_venue(policy=policy)
                bot.called_venue(failed=True, policy=policy)
    with Ledger.open(desk.database) as ledger:
        counts = [
            one
            for one in ledger.observations()
            if one.name.startswith("api_") and abs(one.observed_at - moment) < timedelta(seconds=1)
        ]
    assert sorted((one.name, one.policy, one.number) for one in counts) == [
        (name, policy, number)
        for name, number in (("api_calls", 2), ("api_errors", 1))
        for policy in ("", PROD)
        for _ in range(2)
    ]
