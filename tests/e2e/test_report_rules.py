"""``tiltyard report --rules`` as a person meets it."""

import json
import re
from pathlib import Path

import pytest

from command_line import POLICY, Run
from tiltyard.kernel.clock import time_text
from tiltyard.shell.clock import system_now


def test_the_command_reads_the_ledger_and_writes_nothing(run: Run) -> None:
    assert run("policy", "register", POLICY, "--role", "champion", "--capital", "10000").code == 0
    ran = run("report", "--rules")
    assert (ran.code, ran.out) == (
        0, "What other rules would have made: undefined (warming: no opportunity has closed yet)\n"
    )  # fmt: skip
    told = json.loads(run("report", "--rules", "--json", "--at", "2025-07-01T00:00Z").out)
    assert (told["generated_at"], told["state"]) == ("2025-07-01T00:00:00Z", "no_champion")


@pytest.mark.parametrize(
    "words",
    [("--actions",), ("--trades",), ("--check",), ("--html", "page.html"), (POLICY,)],
    ids=lambda words: words[0],
)
def test_what_would_do_nothing_beside_it_is_refused(run: Run, words: tuple[str, ...]) -> None:
    ran = run("report", "--rules", *words)
    assert (ran.code, ran.err.split()[0]) == (2, "OPTION_IDLE")
    assert ("there is no page of the rules" in ran.err) is ("--html" in words)


@pytest.mark.parametrize("asked", ["--rules", "--actions"])
def test_trades_from_before_the_record_are_told(run: Run, known_csv: Path, asked: str) -> None:
    assert run("ingest", known_csv, "--register", "--capital", "10000").code == 0
    last = run("report", asked).out.splitlines()[-3:]
    assert last[0].startswith("All 50 trades closed before the record begins, ")
    assert last[1].endswith("tiltyard replay --into record.db,")
    assert run("replay", "--into", "record.db").code == 0
    assert "before the record begins" not in run("report", asked, "--db", "record.db").out
    header, first = known_csv.read_text("utf-8").splitlines()[:2]
    now = time_text(system_now())
    stamped = first.replace(first.split(",")[0], "after", 1)
    stamped = re.sub(r"20\d\d-[\d-]+[T ][\d:.]+Z?", now, stamped)
    known_csv.write_text(f"{header}\n{stamped}\n", "utf-8")
    assert run("ingest", known_csv, "--source", "later").code == 0
    assert "before the record begins" not in run("report", asked).out
