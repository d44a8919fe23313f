"""How long from the POST of a breaching trade to the halt in the ledger.

A running desk (``tiltyard run --serve``, a process of its own) is sent trades by 50 bots over
HTTP, each by a connection of its own: one trade a second each for a minute, on a schedule that
waits for nobody. From the sixth second on another bot has a trade that breaks its limit every
second. Then a new ledger is begun. Timed is from when the request begins to be sent to when
another process has read the halt in the audit, and beside it to when the request is answered.

    python benchmarks/http_latency.py [--minutes 4] [--store sqlite|postgres]
"""

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from halt_latency import BOTS, Watch, database, heads, machine, populate, row, stores
from tiltyard.kernel.clock import time_text
from tiltyard.shell.clock import system_now
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.token_table import Token, add_token

SECONDS, LULL = 60, 5
NAMES = [f"bot{number:02}" for number in range(BOTS)]
SECRET = "tiltyard_of-the-benchmark"  # noqa: S105 of a ledger that is thrown away


class Bot:
    """A connection that posts trades one after another.

    Args:
        number: Which of them.
        port: Of the desk.
    """

    def __init__(self, number: int, port: int) -> None:
        self._port = port
        self._source = f"bot{number:02}"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def post(self, number: int, policy: str, pnl: float) -> tuple[float, float]:
        """One trade; when it was due to be sent, and when it was answered."""
        began = time.perf_counter()
        async with self._turn:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            now = time_text(system_now())
            trade = {"trade_id": number, "policy": policy, "symbol": "BTC/USDT", "side": "long",
                     "opened_at": now, "closed_at": now, "pnl": pnl, "risk": 100}  # fmt: skip
            body = json.dumps({"source": self._source, "trades": [trade]}).encode()
            writer.write(
                b"POST /v1/trades HTTP/1.1\r\nHost: desk\r\nContent-Type: application/json\r\n"
                b"Authorization: Bearer " + SECRET.encode() + b"\r\nContent-Length: "
                + str(len(body)).encode() + b"\r\n\r\n" + body
            )  # fmt: skip
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            answer = await reader.readexactly(length)
        assert head.startswith(b"HTTP/1.1 200"), answer.decode()
        return began, time.perf_counter()


async def load(port: int) -> tuple[dict[str, float], list[float]]:
    """When the breach of each bot was sent, and how long each answer took."""
    bots = [Bot(number, port) for number in range(BOTS)]
    sent: dict[str, float] = {}
    took: list[float] = []

    async def one(number: int, bot: int, pnl: float) -> None:
        began, answered = await bots[bot].post(number, NAMES[bot], pnl)
        took.append(answered - began)
        if pnl < -1:
            sent[NAMES[bot]] = began

    clock = asyncio.get_running_loop().time
    began = clock() + 1
    async with asyncio.TaskGroup() as group:
        for number in range(BOTS * SECONDS):
            await asyncio.sleep(began + number / BOTS - clock())
            second, bot = divmod(number, BOTS)
            pnl = -600 if bot == second - LULL else 1 if number % 3 else -0.5
            group.create_task(one(number, bot, pnl))
    return sent, took


def measure(url: str, folder: Path) -> tuple[list[float], list[float]]:
    """Seconds to each halt, and to each answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Ledger.open(url, create=True) as ledger:
        populate(ledger, NAMES)
        with ledger.transaction() as inside:
            token = Token("bench", frozenset({"ingest"}), system_now())
            add_token(inside.connection, token, SECRET, "bench")
        (folder / "tiltyard.toml").write_text("[api]\nrequests_per_second = 1000\n")
        desk = subprocess.Popen(
            [sys.executable, "-m", "tiltyard", "run", "--port", str(port), "--db", url],
            cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        watch = Watch(url, BOTS)
        watcher = threading.Thread(target=watch.look)
        try:
            assert desk.stderr is not None
            while "the API is at" not in (line := desk.stderr.readline()):
                assert line, "the desk has ended"
            time.sleep(2)
            watcher.start()
            sent, took = asyncio.run(load(port))
            watcher.join()
        finally:
            desk.send_signal(signal.SIGTERM)
            desk.communicate()
    assert watch.seen.keys() == sent.keys(), f"{len(watch.seen)} of {len(sent)} were halted"
    return [watch.seen[name] - at for name, at in sent.items()], took


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=int, default=4)
    options.add_argument("--store", choices=("sqlite", "postgres"))
    given = options.parse_args()
    print(f"{machine()}; {BOTS} bots, 1 trade/s each over HTTP, {given.minutes} min")
    print(f"{'store':<10}{'POST until':<12}{'count':>7}{heads()}")
    for store in stores(given.store):
        halts: list[float] = []
        answers: list[float] = []
        for _ in range(given.minutes):
            with tempfile.TemporaryDirectory() as name, database(store, Path(name)) as url:
                some, others = measure(url, Path(name))
            halts += some
            answers += others
        for until, found in (("halt", halts), ("answer", answers)):
            print(f"{store:<10}{until:<12}{len(found):>7}{row(found)}")


if __name__ == "__main__":
    main()
