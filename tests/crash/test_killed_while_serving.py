"""A desk that is killed while 50 bots report over HTTP: nothing is lost or doubled, halts stand."""

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Self

import httpx

from conformance.samples import NewDatabase
from served import free_port, new_token, populate, serving, trade
from tiltyard.shell.store.ledger import Ledger
from waiting import until

BOTS, EACH = 50, 30
FALLS_AT = (8, 16, 24)
"""The trades at which another ten bots break their limit."""
KILLED_AFTER = (400, 900)
"""So many answers after which the desk is killed."""


class Bots:
    """Each sends its trades one after another, each until it is answered.

    Attributes:
        taken: How many trades were answered.
        again: How often one had to be sent again.
        refused: What was said of those that were refused.
        served: Set while there is a desk; whoever was not answered waits for the next one.

    Leaving it ends them, whatever the desk answers.
    """

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._answered = threading.Condition()
        self._is_over = threading.Event()
        self.served = threading.Event()
        self.taken = self.again = 0
        self.refused: list[str] = []
        self._threads = [
            threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(BOTS)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.served.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self, bot: int) -> None:
        self.served.wait(120)
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=10) as client:
            for number in range(EACH):
                said = trade(number, f"bot{bot}", -600 if falls(bot, number) else 1)
                while not self._is_taken(client, bot, said):
                    self.served.wait(120)
                    if self._is_over.is_set():
                        return

    def _is_taken(self, client: httpx.Client, bot: int, said: dict[str, object]) -> bool:
        try:
            answer = client.post("/v1/trades", json={"source": f"bot {bot}", "trades": [said]})
        except httpx.HTTPError:
            is_taken = False
        else:
            is_taken = answer.status_code == 200
            if answer.status_code not in {200, 429, 503}:
                self.refused.append(answer.text)
                self._is_over.set()  # it would be refused again
        with self._answered:
            self.taken += is_taken
            self.again += not is_taken
            self._answered.notify_all()
        return is_taken

    def wait_until_taken(self, trades: int) -> None:
        """Until so many were answered."""
        with self._answered:
            is_enough = self._answered.wait_for(lambda: self.taken >= trades or self.refused, 120)
            assert is_enough, f"{self.taken} of {trades} were taken in 120 s"
            assert not self.refused


def falls(bot: int, number: int) -> bool:
    return number in FALLS_AT and bot % 5 == FALLS_AT.index(number)


def test_no_trade_is_lost_or_doubled_and_halts_stand(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    port = free_port()
    limits = "[api]\nrequests_per_second = 100000\n"
    with new_database() as database:
        populate(database, BOTS, share=0.012)
        bots = Bots(f"http://127.0.0.1:{port}", new_token(database, "ingest", name="bots"))
        with bots:
            for killed_after in (*KILLED_AFTER, BOTS * EACH):
                with serving(database, tmp_path, limits, port) as desk:
                    bots.served.set()
                    bots.wait_until_taken(killed_after)
                    if killed_after < BOTS * EACH:
                        bots.served.clear()
                        desk.process.kill()
                        continue
                    with Ledger.open(database) as ledger:
                        until(lambda: len(halted(ledger)) == 30)
        assert bots.again
        with Ledger.open(database) as ledger:
            every = [(one.source, int(one.trade_id), one.revision) for one in ledger.trades()]
            wanted = [
                (f"bots/bot {bot}", number, 1) for bot in range(BOTS) for number in range(EACH)
            ]
            assert sorted(every) == sorted(wanted)
            arms = ledger.roster().arms.values()
            fell = {f"bot{bot}" for bot in range(BOTS) if bot % 5 < len(FALLS_AT)}
            assert {arm.name for arm in arms if arm.state == "halted"} == fell
            assert not any(arm.share for arm in arms if arm.name in fell)
            assert halted(ledger) == Counter(fell)


def halted(ledger: Ledger) -> Counter[str]:
    """How often the audit tells of the halt of each arm."""
    events = (json.loads(row.body) for row in ledger.audit())
    return Counter(event["policy"] for event in events if event["event"] == "halt")
