"""A spool: nothing that was reported is lost with the process, nor with a disk that is full."""

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from client.desks import TOKEN
from full_disks import full_disk
from tiltyard.client import Client
from tiltyard.client.keeping import _SETTLED_LINES, Keeping
from tiltyard.kernel.errors import TiltyardError


def texts(keeping: Keeping) -> list[str]:
    return [fact.text for fact in keeping.batch("trades", 1000)]


def test_what_is_not_settled_is_there_again(tmp_path: Path) -> None:
    first = Keeping(tmp_path / "spool")
    for number in range(5):
        first.put("trades", f'{{"trade_id":"{number}"}}')
    first.put("marks", "{}")
    first.settle(first.batch("trades", 2))
    first.close()
    second = Keeping(tmp_path / "spool")
    assert texts(second) == [f'{{"trade_id":"{number}"}}' for number in (2, 3, 4)]
    assert len(second) == 4
    second.put("trades", "{}")
    assert texts(second)[-1] == "{}", "what is new comes after what was there"
    second.close()


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_last_line_that_was_cut_off_is_passed_over(tmp_path: Path, cut: int) -> None:
    first = Keeping(tmp_path / "spool")
    first.put("trades", '{"trade_id":"1"}')
    first.put("trades", '{"trade_id":"2"}')
    first.close()
    spool = tmp_path / "spool"
    spool.write_bytes(spool.read_bytes()[:-cut])
    second = Keeping(spool)
    assert texts(second) == ['{"trade_id":"1"}', '{"trade_id":"2"}'][: 2 if cut == 1 else 1]
    second.put("trades", '{"trade_id":"3"}')
    second.close()
    third = Keeping(spool)
    assert texts(third)[-1] == '{"trade_id":"3"}'
    third.close()
    assert not (tmp_path / "spool.damaged").exists()


@pytest.mark.parametrize(
    "line",
    ["", "<html>", "[]", "7", "{}", '{"number":1}', '{"settled":[{}]}', "\0" * 100,
     '{"number":"1","kind":"trades","fact":{}}', '{"number":-1,"kind":"trades","fact":{}}',
     '{"number":1,"kind":"bets","fact":{}}', '{"number":1,"kind":"trades","fact":7}',
     '{"number":1,"kind":"trades","fact":{"pnl":NaN}}', "[" * 100_000],
    ids=range(14),
)  # fmt: skip
def test_a_line_within_that_is_damaged_costs_no_other_and_is_kept(
    tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    spool = tmp_path / "spool"
    good = '{"number":7,"kind":"trades","fact":{"trade_id":"1"}}'
    spool.write_text(f"{line}\n{good}\n")
    before = spool.read_bytes()
    keeping = Keeping(spool)
    assert texts(keeping) == ['{"trade_id":"1"}']
    keeping.close()
    assert (tmp_path / "spool.damaged").read_bytes() == before
    assert "1 lines cannot be read" in caplog.text


def test_what_is_settled_leaves_the_file(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path / "spool")
    for _ in range(_SETTLED_LINES):
        keeping.put("trades", "{}")
    keeping.settle(keeping.batch("trades", _SETTLED_LINES))
    keeping.put("trades", '{"trade_id":"last"}')
    keeping.keep()
    assert (tmp_path / "spool").read_text().count("\n") == 1
    keeping.close()
    again = Keeping(tmp_path / "spool")
    assert texts(again) == ['{"trade_id":"last"}']
    again.close()


def test_what_is_reported_while_the_file_is_written_anew_is_in_it(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path / "spool")
    ended = threading.Event()

    def keeps() -> None:
        while not ended.is_set():
            keeping._settled = 10**9
            keeping.keep()

    keeper = threading.Thread(target=keeps)
    keeper.start()
    for number in range(2000):
        keeping.put("trades", f'{{"trade_id":"{number}"}}')
        if number % 2:
            keeping.settle(keeping.batch("trades", 1))
    ended.set()
    keeper.join()
    keeping.close()
    again = Keeping(tmp_path / "spool")
    assert texts(again) == [f'{{"trade_id":"{number}"}}' for number in range(1000, 2000)]
    again.close()


def test_what_is_reported_while_the_disk_is_full_is_kept_and_written_when_it_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeping = Keeping(tmp_path / "spool")
    with full_disk(100):
        for number in range(10):
            keeping.put("trades", f'{{"trade_id":"{number}"}}')
            keeping.keep()
    assert len(keeping) == 10
    assert [r.message for r in caplog.records if r.levelno == logging.WARNING] == [
        "the spool cannot be written: [Errno 27] File too large; reports are in memory alone"
    ]
    keeping.keep()
    keeping.close()
    again = Keeping(tmp_path / "spool")
    assert len(again) == 10
    again.close()


class Reports(logging.Handler):
    """Reports each line of the log, too; it has a lock, as every handler has."""

    def __init__(self, keeping: Keeping) -> None:
        super().__init__()
        self.keeping = keeping
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "bot":
            self.has_begun.set()
            self.may_go_on.wait(60)
        self.keeping.put("observations", "{}")
        self.keeping.keep()


@pytest.mark.parametrize("does", ["put", "settle", "keep", "close"])
def test_a_log_that_reports_is_never_waited_for_by_what_it_needs(tmp_path: Path, does: str) -> None:
    keeping = Keeping(tmp_path / "spool")
    keeping.put("trades", "{}")
    handler = Reports(keeping)
    logging.getLogger().addHandler(handler)
    calls = {
        "put": lambda: keeping.put("trades", "{}"),
        "settle": lambda: keeping.settle(keeping.batch("trades", 1)),
        "keep": keeping.keep,
        "close": keeping.close,
    }
    if does in {"keep", "close"}:
        keeping._settled = 10**9
    logs = threading.Thread(target=logging.getLogger("bot").warning, args=("x",), daemon=True)
    calls_it = threading.Thread(target=calls[does], daemon=True)
    try:
        with full_disk(10):
            logs.start()
            assert handler.has_begun.wait(60)
            calls_it.start()
            while not keeping._is_failing:
                assert calls_it.is_alive()
            handler.may_go_on.set()
            logs.join(60)
            calls_it.join(60)
        assert not logs.is_alive(), "the log waits for the client, and that for the log"
        assert not calls_it.is_alive()
    finally:
        logging.getLogger().removeHandler(handler)
        handler.createLock()  # so that a failure ends, too
    keeping.close()


@pytest.mark.parametrize("written", range(45))
def test_a_line_that_was_written_in_part_costs_no_other(tmp_path: Path, written: int) -> None:
    spool = tmp_path / "spool"
    keeping = Keeping(spool)
    keeping.put("trades", '{"trade_id":"1"}')
    with full_disk(spool.stat().st_size + written):
        keeping.put("trades", '{"trade_id":"2"}')
    for number in (3, 4):
        keeping.put("trades", f'{{"trade_id":"{number}"}}')
    crashed = tmp_path / "crashed"
    crashed.write_bytes(spool.read_bytes())
    keeping.close()
    again = Keeping(crashed)
    assert [text[-3] for text in texts(again)] == ["1", "3", "4"]
    assert (tmp_path / "crashed.damaged").exists() == (written > 0)
    again.close()


def test_two_clients_do_not_share_a_spool(tmp_path: Path) -> None:
    first = Keeping(tmp_path / "spool")
    with pytest.raises(TiltyardError, match=r"SPOOL_UNUSABLE .*another client has it"):
        Keeping(tmp_path / "spool")
    first.close()
    Keeping(tmp_path / "spool").close()


def test_a_spool_that_cannot_be_is_told_at_once(tmp_path: Path) -> None:
    for path in (tmp_path / "no folder" / "spool", tmp_path):
        with pytest.raises(TiltyardError, match="SPOOL_UNUSABLE"):
            Client("http://127.0.0.1:9", TOKEN, champion="prod", spool=path)


CRASH = """
import os, sys
from tiltyard.client import Client
client = Client("http://127.0.0.1:9", "t", champion="prod", spool=sys.argv[1])
for number in range(500):
    client.route(f"e{number}", "SOL")
    client.trade(trade_id=number, policy="prod", symbol="SOL", side="long", pnl=1,
                 opened_at="2026-03-02T12:00:00Z", closed_at="2026-03-02T12:00:00Z")
os.kill(os.getpid(), 9)
"""


def test_a_bot_that_is_killed_loses_nothing_of_what_it_reported(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    killed = subprocess.run([sys.executable, "-c", CRASH, str(spool)], check=False, timeout=600)
    assert killed.returncode == -9
    keeping = Keeping(spool)
    assert [json.loads(text)["trade_id"] for text in texts(keeping)] == list(map(str, range(500)))
    assert len(keeping.batch("decisions", 1000)) == 500
    keeping.close()


def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "precious.txt"
    file.write_text("my notes\nof a year\n", "utf-8")
    with pytest.raises(TiltyardError, match="SPOOL_UNUSABLE"):
        Keeping(file)
    assert file.read_text("utf-8") == "my notes\nof a year\n"
