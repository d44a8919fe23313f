"""A bot has its models checked: now, and again and again, whatever they do to it."""

import subprocess
import sys
import threading
from collections.abc import Callable
from hashlib import sha256
from math import nan
from pathlib import Path

import pytest

from client.bots import Bot
from client.desks import PATIENCE, Clock, Desk
from client.test_telling import told
from tiltyard.client import Health
from tiltyard.client.checkups import MOST_CHECKED

WEIGHTS = b"weights"
DIGEST = sha256(WEIGHTS).hexdigest()
HEALTHY = Health(healthy=True, reason="")
LATE = Health(healthy=False, reason="no answer within 0.05 s")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.onnx"
    path.write_bytes(WEIGHTS)
    return path


class Hanging:
    """An answer that comes when it is released.

    Attributes:
        begun: How often it was asked for.
    """

    def __init__(self) -> None:
        self.begun = 0
        self.released = threading.Event()

    def __call__(self) -> float:
        self.begun += 1
        self.released.wait(PATIENCE)
        return 0.5


class Counting:
    """An answer at once.

    Attributes:
        asked: How often it was asked for.
    """

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return 0.5


def test_a_bot_and_its_desk_are_told_how_a_model_is(
    bot: Bot, desk: Desk, clock: Clock, file: Path
) -> None:
    assert bot.check_model("prod", file, DIGEST, lambda: [0.2, 0.8]) == HEALTHY
    clock.advance(1)
    sick = bot.check_model("prod", file, DIGEST, lambda: [0.2, nan])
    assert sick == Health(healthy=False, reason="number 2 of its answer is nan")
    assert bot.flush()
    assert told(desk) == [("model_healthy", "prod", 1, None), ("model_healthy", "prod", 0, None)]


def test_a_model_that_hangs_is_not_healthy_and_is_left_alone_until_it_answers(
    bot: Bot, desk: Desk, file: Path
) -> None:
    hanging = Hanging()
    try:
        for _ in range(3):
            assert bot.check_model("prod", file, DIGEST, hanging, within=0.05) == LATE
        assert hanging.begun == 1
        assert bot.check_model("bot", file, DIGEST, lambda: 1) == HEALTHY, "another policy's"
    finally:
        hanging.released.set()
    assert bot.check_model("prod", file, DIGEST, hanging) == HEALTHY
    assert hanging.begun == 2
    assert bot.flush()
    assert {number for _, policy, number, _ in told(desk) if policy == "bot"} == {1}


def test_a_check_that_comes_while_another_runs_is_made_after_it(bot: Bot, file: Path) -> None:
    hanging, verdicts = Hanging(), []

    def asks() -> None:
        verdicts.append(bot.check_model("prod", file, "0" * 64, hanging))
        verdicts.append(bot.check_model("prod", file, DIGEST, hanging))

    threads = [threading.Thread(target=asks) for _ in range(3)]
    for thread in threads:
        thread.start()
    hanging.released.set()
    for thread in threads:
        thread.join()
    assert sorted(health.healthy for health in verdicts) == 3 * [False] + 3 * [True]


def test_a_model_is_checked_again_by_itself_until_that_is_ended(
    bot: Bot, desk: Desk, clock: Clock, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answer = Counting()
    assert bot.check_model("prod", file, DIGEST, answer, every=0.01).healthy
    for weights, number in ((b"exchanged", 0), (WEIGHTS, 1)):
        clock.advance(60)
        beside = file.with_suffix(".new")
        beside.write_bytes(weights)
        beside.replace(file)
        healthy = ("model_healthy", "prod", number, None)
        desk.wait_until(lambda last=healthy: told(desk)[-1:] == [last])  # type: ignore[misc]
        desk.wait_for_renewal(3)
    bot.end_model_checks("prod")
    desk.wait_for_renewal(3)
    sofar = answer.asked
    assert sofar > 2
    desk.wait_for_renewal(10)
    assert answer.asked == sofar
    said = [r.message for r in caplog.records if "the model of" in r.message]
    assert len(said) == 2, "once for each change"
    assert said[0].startswith(f"the model of prod is not healthy: {file} has SHA-256")
    assert said[1] == "the model of prod is healthy again"


def test_a_model_that_hangs_holds_up_no_other(
    bot: Bot, desk: Desk, clock: Clock, file: Path
) -> None:
    hanging, answer = Hanging(), Counting()
    try:
        assert not bot.check_model("prod", file, DIGEST, hanging, within=0.05, every=0.01).healthy
        assert bot.check_model("bot", file, DIGEST, answer, every=0.01).healthy
        while answer.asked < 5:
            clock.advance(1)
            desk.wait_for_renewal()
        assert hanging.begun == 1
        assert bot.close()
    finally:
        hanging.released.set()
    assert {number for _, policy, number, _ in told(desk) if policy == "prod"} == {0}
    assert {number for _, policy, number, _ in told(desk) if policy == "bot"} == {1}


def test_the_last_that_was_asked_for_is_what_is_checked_again(
    bot: Bot, desk: Desk, file: Path
) -> None:
    old, new = Counting(), Counting()
    assert bot.check_model("prod", file, DIGEST, old, every=0.01).healthy
    assert bot.check_model("prod", file, DIGEST, new).healthy
    desk.wait_for_renewal(3)
    assert new.asked == 1, "this one alone"
    sofar = old.asked
    desk.wait_for_renewal(5)
    assert old.asked == sofar


def test_what_is_no_check_is_refused_with_the_reason(bot: Bot, desk: Desk, file: Path) -> None:
    assert bot.check_model("", file, DIGEST, lambda: 1) == Health(
        healthy=False, reason="not checked: required, but missing or empty @ policy"
    )
    for wrong in ({"within": 0}, {"within": "soon"}, {"every": -1}, {"every": nan}):
        assert not bot.check_model("prod", file, DIGEST, lambda: 1, **wrong).healthy
    assert [one.faults[0].place for one in bot.refused] == [
        "policy", "within", "within", "every", "every"
    ]  # fmt: skip
    assert bot.flush()
    assert told(desk) == []


def test_there_is_room_for_so_many_models(bot: Bot, file: Path) -> None:
    for number in range(MOST_CHECKED):
        assert bot.check_model(f"p{number}", file, DIGEST, lambda: 1, every=3600).healthy
    assert not bot.check_model("one more", file, DIGEST, lambda: 1).healthy
    assert [one.said["policy"] for one in bot.refused] == ["one more"]
    bot.end_model_checks("p0")
    assert bot.check_model("one more", file, DIGEST, lambda: 1).healthy
    assert bot.check_model("and another", file, DIGEST, lambda: 1).healthy, "the last is forgotten"


_BOT_THAT_HANGS = """
import asyncio, sys, threading
from tiltyard.client import AsyncClient, Client
named = dict(champion="prod")
model = ("prod", sys.argv[1], sys.argv[2], threading.Event().wait)

async def coroutine():
    async with AsyncClient("http://127.0.0.1:9", "t", **named) as bot:
        print(await bot.check_model(*model, within=0.05, every=0.01))
        await bot.close(0)

if sys.argv[3] == "Client":
    with Client("http://127.0.0.1:9", "t", **named) as bot:
        print(bot.check_model(*model, within=0.05, every=0.01))
        bot.close(0)
else:
    asyncio.run(coroutine())
"""


@pytest.mark.parametrize("client", ["Client", "AsyncClient"])
def test_a_model_that_hangs_keeps_no_process_alive(client: str, file: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _BOT_THAT_HANGS, str(file), DIGEST, client],
        capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    assert ended.stdout == f"{LATE}\n"


def test_after_its_end_a_client_still_says_how_a_model_is(
    new_bot: Callable[..., Bot], desk: Desk, file: Path
) -> None:
    bot = new_bot()
    assert bot.close()
    assert bot.check_model("prod", file, DIGEST, lambda: 1, every=0.01) == HEALTHY
    assert told(desk) == []
