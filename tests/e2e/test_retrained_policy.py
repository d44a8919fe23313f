"""A policy that says how much: trained by a command, put on trial, and taken out by the checklist.

It learns from a market that never was, in so few steps that it learns nothing: what it wants is
noise, and whatever it does costs fees. That is the policy that a checklist is for. A replay on bars
is the desk itself under the clock of the bars; a desk beside it shows that the same model serves.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from command_line import Ran, Run
from e2e.conftest import run_in
from e2e.test_trained_policy import CHAMPION, health
from forking import Forking, forking_with
from small_candidates import START
from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.money import money
from tiltyard.market.bar import HOUR
from tiltyard.shell.store.ledger import Ledger
from training.small import write_bars

LEARNT = START + 3_700 * HOUR
"""Just enough for the usual settings; what comes later no policy here knows."""
BARS = ["--data", "bars", "--until", time_text(LEARNT), "--threads", "1"]
DAYS = 10
TOML = """\
[account]
currency = "USDT"
capital = 20000

[market]
feed = "bars"
fee_bps = 1000
"""


class Trained(NamedTuple):
    """A folder in which a policy was trained.

    Attributes:
        folder: With ``bars`` and ``models``.
        run: Runs commands there.
        encoder: Name of its snapshot.
        name: Of the policy's.
        said: What the command said that has trained it.
    """

    folder: Path
    run: Run
    encoder: str
    name: str
    said: Ran

    def rl(self, *words: str) -> Sequence[str]:
        """The command that trains one with the same encoder."""
        return ["train", "rl", *BARS, "--encoder", self.encoder, "--steps", "1000", *words]

    @property
    def digest(self) -> str:
        found: str = self.versions()[self.name]["sha256"]
        return found

    def versions(self, *words: str) -> dict[str, dict[str, Any]]:
        told = json.loads(self.run("policy", "versions", "--json", *words).out)
        return {one["name"]: one for one in told}


@pytest.fixture(scope="module")
def learning() -> Iterator[Forking]:
    """A process that has loaded what learns, and forks for every command."""
    with forking_with(
        "torch._dynamo", "tiltyard.learners.kinds", "tiltyard.shell.training.carrying_out",
        "tiltyard.shell.training.champion", "tiltyard.shell.cli.replay_bars",
    ) as process:  # fmt: skip
        yield process


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, learning: Forking) -> Trained:
    """Two seeds, compared with a rule."""
    folder = tmp_path_factory.mktemp("retrained")
    hours = (LEARNT - START) // HOUR + 24 * DAYS
    write_bars(folder / "bars", "BTC/USDT", "SOL/USDT", hours=hours)
    run = run_in(folder, learning, tmp_path_factory.mktemp("said"))
    encoder = run("train", "encoder", *BARS, "--epochs", "1")
    assert encoder.code == 0, encoder.err
    unnamed = Trained(folder, run, encoder.out.split()[0], "", encoder)
    said = run(*unnamed.rl("--seeds", "2", "--champion", "trend"))
    assert said.code == 0, said.err
    return unnamed._replace(name=said.out.split()[0], said=said)


def test_the_last_words_say_what_it_is_worth_and_what_nobody_knows(trained: Trained) -> None:
    lines = trained.said.out.splitlines()
    assert lines[0] == f"dqn_{trained.name.partition('_')[2]}"
    assert lines[1] == f"  in models, SHA-256 {trained.digest}"
    assert not any("its encoder by itself" in line for line in lines), "it was given one"
    for title in ("Walk-forward, 2025-02-02", "Held out, 2025-03-06"):
        assert sum(line.startswith(title) for line in lines) == 1
    assert sum(line.startswith("  the champion  ") for line in lines) == 2
    assert sum(line.startswith("    seed 2  ") for line in lines) == 2
    untaught = "12 networks were never improved, as there were too few steps"
    for said in (
        f"gate: undefined: 2 seeds, fewer than 5; {untaught}",
        "the champion is trend",
        "12 networks met 12,096 steps, and learnt nothing: the first 5,000 of each fill its buffer",
    ):
        assert said in lines
    assert lines[-1] == (
        "the gate says nothing for it; all the same: tiltyard policy register "
        f"{trained.name} --capital X"
    )
    assert "compared with no champion" not in trained.said.err
    assert (trained.folder / "models" / f"{trained.name}.html").is_file()
    told = trained.versions()[trained.name]
    assert (told["steps"], told["seeds"], told["knows_until"]) == (
        1_000, [1, 2], time_text(LEARNT),
    )  # fmt: skip
    assert told["parents"] == [trained.versions()[trained.encoder]["sha256"]]


def test_when_time_is_up_it_is_partial_and_programs_are_told_so_and_that_nobody_was_compared(
    trained: Trained,
) -> None:
    words = ["train", "rl", *BARS, "--steps", "1000", "--seeds", "1", "--timeout", "0"]
    done = trained.run(*words, "--output", "partial", "--report", "page.html", "--json")
    assert done.code == 0, done.err
    assert done.err.startswith("compared with no champion: there is no ledger\n")
    told = json.loads(done.out)
    assert (told["kind"], told["partial"], told["report"]) == ("dqn", True, "page.html")
    assert told["lineage"]["champion"] is None
    assert told["metrics"]["gate"]["against"].keys() == {"flat", "buy_and_hold"}
    assert told["metrics"]["gate"]["reasons"] == [
        "1 seed, fewer than 5",
        "6 networks were never improved, as there were too few steps",
        "its time was up before it had learnt all it was to",
    ]
    assert Path(told["encoder"]).name.startswith("timesnet_"), "one was trained for it"
    page = (trained.folder / "page.html").read_text("utf-8")
    for said in ("Partial: the time was up", "<p>compared with no champion</p>"):
        assert said in page
    assert (trained.folder / "partial" / ".work").is_dir(), "with more time it goes on from there"


SHORTER = time_text(LEARNT - 50 * HOUR)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--champion nobody", 2, "POLICY_UNKNOWN nobody: it is no snapshot, nor is any in models"),
        ("--encoder nobody", 1, "SNAPSHOT_MISSING nobody"),
        ("--from 2025-04-01T00:00Z", 2, "DATA_INSUFFICIENT BTC/USDT, SOL/USDT: 1,5"),
        (f"--until {SHORTER}", 2, "ENCODER_KNOWS_TEST "),
        ("--steps 999", 2, "--steps"),
        ("--seeds 0", 2, "--seeds"),
        ("--timeout -1", 2, "--timeout"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_learnt_or_compiled(
    trained: Trained, words: str, code: int, said: str
) -> None:
    before = set((trained.folder / "models").iterdir())
    done = trained.run(*trained.rl(), *words.split())
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "compiling" not in done.err
    assert set((trained.folder / "models").iterdir()) == before


def test_who_interrupts_it_and_gives_the_same_command_has_the_same_policy(
    trained: Trained,
) -> None:
    words = [
        *trained.rl("--seeds", "2", "--champion", "trend", "--output", "again"),
        "--encoder", f"models/{trained.encoder}",
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "tiltyard", *words], cwd=trained.folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("fold 1 of 4, seed 2 of 2"):
        assert line, "it has ended"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (130, "")
    assert "is kept: the same command goes on from there" in err
    left = trained.folder / "again"
    assert [one.name for one in left.iterdir()] == [".work"], "what was learnt, and no snapshot"
    again = trained.run(*words)
    assert again.code == 0, again.err
    assert "fold 1 of 4, seed 1 of 2" not in again.err, "that was kept"
    assert again.out.splitlines()[1] == f"  in again, SHA-256 {trained.digest}"
    assert not (left / ".work").exists()


class Trial(NamedTuple):
    """What a desk has made of the policy, on bars that it does not know.

    Attributes:
        actions: As ``replay --json`` tells them.
        audit: Events of the record.
        trades: Of the policy, in all books.
        decisions: Episodes that it was given.
        record: The words that name the record.
    """

    actions: Sequence[dict[str, Any]]
    audit: Sequence[dict[str, Any]]
    trades: Sequence[Trade]
    decisions: Sequence[Decision]
    record: Sequence[str]

    @property
    def halt(self) -> dict[str, Any]:
        (halt,) = (one for one in self.actions if one["action"] == "halt")
        return halt


@pytest.fixture(scope="module")
def trial(trained: Trained) -> Trial:
    """Registered beside a champion, at a venue that charges a tenth of what is traded, each way."""
    run, folder = trained.run, trained.folder
    (folder / "dear.toml").write_text(TOML, "utf-8")
    desk = ["--db", "dear.db", "--config", "dear.toml"]
    same = ["--created-at", time_text(START)]  # who is given an episode is drawn by it
    prod = run("policy", "register", CHAMPION, "--role", "champion", "--capital", "10000", *same,
               *desk)  # fmt: skip
    assert prod.code == 0, prod.err
    joined = run("policy", "register", trained.name[-8:], "--capital", "10000", *desk)
    assert joined.out == f"{trained.name}: challenger, probation, traffic 10.0 %\n"
    record = ["--db", "record.db", "--config", "dear.toml"]
    since, ends = time_text(LEARNT), time_text(LEARNT + timedelta(days=DAYS))
    ran = run("replay", "--bars", "bars", "--since", since, "--until", ends, "--into", "record.db",
              "--json", *desk)  # fmt: skip
    assert ran.code == 0, ran.err
    assert f"{trained.name} is traded by its model\n" in ran.err
    assert "Not a test" not in ran.err
    with Ledger.open(str(folder / "record.db")) as ledger:
        return Trial(
            [json.loads(line) for line in ran.out.splitlines()],
            [json.loads(row.body) for row in ledger.audit()],
            [one for one in ledger.trades() if one.policy == trained.name],
            [one for one in ledger.decisions() if one.policy == trained.name],
            record,
        )


def test_a_tenth_of_the_episodes_is_its_own_and_it_says_how_much(trial: Trial) -> None:
    assert trial.decisions
    assert {round(one.propensity, 6) for one in trial.decisions} == {0.1}
    own = {one.episode_id for one in trial.decisions}
    assert {one.episode_id for one in trial.trades if one.book == "live"} <= own
    assert {one.book for one in trial.trades} == {"live", "twin", "shadow"}
    assert {one.source for one in trial.trades} == {"floor"}
    assert {money(500), money(1_000)} <= {one.notional for one in trial.trades}


def test_it_is_halted_by_the_first_item_that_it_breaches_and_the_audit_says_why(
    trained: Trained, trial: Trial
) -> None:
    halt = trial.halt
    assert (halt["policy"], halt["guard"]) == (trained.name, "challenger_drawdown_high")
    assert (halt["reason"], halt["limit"]) == ("dd_challenger_pct > 4", 4)
    assert (halt["before"], halt["after"], halt["knew_bars"]) == (0.1, 0, False)
    assert halt["value"] > 4
    (row,) = (one for one in trial.audit if one["event"] == "halt")
    assert (row["cause"], row["actor"]) == (halt["guard"], "desk")
    assert (float(row["value"]), float(row["limit"])) == (halt["value"], halt["limit"])
    for name in ("policy", "reason", "samples", "mode"):
        assert row[name] == halt[name], name
    after = [one for one in trial.decisions if time_text(one.decided_at) > halt["time"]]
    assert not after, "it is given nothing any more"


def test_whoever_looks_reads_the_item_the_number_and_the_limit(
    trained: Trained, trial: Trial
) -> None:
    run, name, record = trained.run, trained.name, trial.record
    told = run("report", name, *record).out
    assert "  challenger, halted · traffic 0.0 % · " in told
    assert re.search(r"\n  dd_challenger_pct +[\d.]+ % +0 – 3 +> 4 +BREACH\n", told)
    assert re.search(r"\n  Open reviews: .*challenger_drawdown_high since ", told)
    assert "\n  Next gate: a person re-arms it\n" in told
    live = sum(one.book == "live" for one in trial.trades)
    listed = run("policy", "list", *record).out
    assert re.search(rf"\n{name} +challenger +halted +0\.0 % +{live}\n", listed)
    worth = run("report", "--actions", *record).out
    assert re.search(rf"  halt +{name} +challenger_drawdown_high +10\.0 % → 0\.0 % ", worth)
    explained = run("checklist", "explain", name, *record).out
    assert explained.startswith("challenger_drawdown_high (dd_challenger_pct > 4): going on ")
    (arm,) = trained.versions(*record)[name]["arms"]
    assert (arm["state"], arm["traffic_allocation"]) == ("halted", 0)


def test_a_desk_beside_bars_serves_what_was_registered(trained: Trained, tmp_path: Path) -> None:
    run = trained.run
    desk = ["--db", str(tmp_path / "desk.db"), "--config", "serving.toml"]
    (trained.folder / "serving.toml").write_text(TOML, "utf-8")
    assert run("policy", "register", trained.name, "--capital", "10000", *desk).code == 0
    ended = run("run", "--once", *desk)
    assert ended.code == 0, ended.err
    assert f"{trained.name} is traded by its model\n" in ended.err
    dear = f"{trained.name} was trained for 12 bps a round trip, this desk charges 2002: "
    assert dear in ended.err
    assert health(tmp_path) == [(trained.name, 1)]
