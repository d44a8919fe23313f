"""Commands in the hands of a stranger: clear errors, and nothing half-written."""

import json
import re
import shutil
import sqlite3
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from command_line import POLICY, Run
from tiltyard import __version__
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.kernel.money import Money
from tiltyard.shell.cli.ledger import SETTINGS_TEXT
from tiltyard.shell.clock import system_now
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger

HEADER = "trade_id,policy,symbol,side,opened_at,closed_at,pnl\n"
GOOD = "1,alpha,BTC/USDT,long,2025-01-01T00:00:00Z,2025-01-01T01:00:00Z,1.5\n"


def test_init_writes_a_file_whose_lines_are_all_defaults(run: Run, tmp_path: Path) -> None:
    assert run("init").code == 0
    text = (tmp_path / "tiltyard.toml").read_text("utf-8")
    assert all(not line or line.startswith("#") for line in text.splitlines())
    assert run("checklist", "lint").code == 0
    assert run("init").code == 2


def test_the_written_file_has_every_setting_with_its_default() -> None:
    toml = re.compile(r"# ((?:\[|\]|\w+ = |  \{).*)")
    said = tomllib.loads("\n".join(toml.findall(SETTINGS_TEXT)))
    sections: dict[str, Any] = {name: one.annotation for name, one in Settings.model_fields.items()}
    del sections["checklist"]
    assert set(said) == set(sections)
    for name, section in sections.items():
        assert set(said[name]) == set(section.model_fields), name
        for key, told in section.model_validate(said[name]):
            default = section.model_fields[key].default
            assert default in (None, "", (), told), f"{name}.{key}"


def test_the_written_file_uncommented_is_the_built_in_checklist(run: Run, tmp_path: Path) -> None:
    run("init")
    built_in = run("checklist", "lint").out
    path = tmp_path / "tiltyard.toml"
    guards = path.read_text("utf-8").split("it gives.\n", 1)[-1]
    lines = [line.removeprefix("# ") for line in guards.splitlines() if line.startswith("# ")]
    start = next(i for i, line in enumerate(lines) if line.startswith("[[guard]]"))
    path.write_text("\n".join(lines[start:]), encoding="utf-8")
    again = run("checklist", "lint")
    assert again.code == 0
    assert again.out.splitlines()[:-1] == built_in.splitlines()[:-1]


def test_every_fault_of_a_checklist_is_told_at_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tiltyard.toml").write_text(
        '[shares]\nstrat = 0.2\n[[guard]]\nname = "challenger_drawdown_high"\nwhen = "4"\n'
        '[[guard]]\nname = "consecutive_losses_high"\nmetric = "profit_facter"\n',
        encoding="utf-8",
    )
    ran = run("checklist", "lint")
    assert ran.code == 2
    assert "3 faults" in ran.err
    assert "unknown metric 'profit_facter', did you mean 'profit_factor'?" in ran.err
    assert "@ $.guard[0].when" in ran.err
    assert "did you mean 'start'?" in ran.err


def test_a_bad_file_tells_every_fault_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(
        HEADER + GOOD + "2,alpha,BTC/USDT,long,2025-01-01T00:00:00Z,2025-01-01T01:00:00Z,nan\n"
        "1,alpha,BTC/USDT,long,2025-01-01T00:00:00Z,2025-01-01T01:00:00Z,2\n"
        "3,alpha,BTC/USDT,sideways,2025-01-01,2025-01-01T01:00:00Z,inf\n",
        encoding="utf-8",
    )
    ran = run("ingest", file, "--register")
    assert ran.code == 2
    for place in ("row 2, column pnl", "row 3, column trade_id", "row 4, column side",
                  "row 4, column opened_at", "row 4, column pnl"):  # fmt: skip
        assert place in ran.err
    assert run("policy", "list").out.count("\n") == 1  # the heading alone


def test_skip_bad_writes_the_good_rows_and_a_rejects_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mixed.csv"
    file.write_text(HEADER + GOOD + GOOD.replace("1,alpha", "2,alpha").replace("1.5", "x"))
    ran = run("ingest", file, "--register", "--skip-bad", "--capital", "100")
    assert ran.code == 0
    assert "1 new" in ran.out
    rejects = (tmp_path / "mixed.csv.rejects.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["row"] for line in rejects] == [2]


def test_ingesting_twice_changes_nothing(known: Run, known_csv: Path) -> None:
    assert "0 new, 0 corrected, 50 unchanged" in known("ingest", known_csv).out


def test_unknown_policies_are_refused_unless_registered(run: Run, known_csv: Path) -> None:
    refused = run("ingest", known_csv)
    assert refused.code == 2
    assert "POLICY_UNKNOWN" in refused.err
    assert "--register" in refused.err
    assert run("ingest", known_csv, "--register").code == 0


def test_a_challenger_is_compared_by_the_capital_that_was_registered(
    run: Run, tmp_path: Path
) -> None:
    """Its bot says neither what a trade risked nor what it was sized on."""
    first = datetime(2025, 3, 1, tzinfo=UTC)
    rows = [
        f"{name}{n},{name},SOL,long,{at.isoformat()},{at.isoformat()},{pnl + n % 3 - 1}"
        for n in range(60)
        for at in [first + n * timedelta(hours=12)]
        for name, pnl in (("prod", 0), ("bot", 1))
    ]
    (tmp_path / "bare.csv").write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    assert run("policy", "register", "prod", "--role", "champion", "--capital", "1000").code == 0
    assert run("policy", "register", "bot", "--capital", "1000").code == 0
    assert run("ingest", "bare.csv").code == 0
    live, *_ = json.loads(run("report", "bot", "--json").out)["against_champion"]
    assert (live["unit"], live["state"], live["mean"]) == ("%", "defined", 0.1)


def test_a_candidate_goes_on_trial_when_its_capital_is_known(run: Run, known_csv: Path) -> None:
    assert "candidate" in run("policy", "register", POLICY).out
    assert run("ingest", known_csv).code == 0
    assert json.loads(run("report", POLICY, "--json").out)["state"] == "probation"


@pytest.mark.parametrize(
    ("suffix", "code"), [("nothing", "POLICY_UNKNOWN"), ("4", "POLICY_AMBIGUOUS")]
)
def test_a_selection_that_is_not_unique_is_a_clear_error(
    known: Run, suffix: str, code: str
) -> None:
    known("policy", "register", "other_20250101_000000_00000004", "--capital", "1")
    ran = known("report", suffix)
    assert ran.code == 2
    assert ran.err.startswith(code)


def test_shares_of_more_arms_than_there_is_room_for_wait_at_zero(run: Run) -> None:
    for number in range(8):
        run("policy", "register", f"arm{number}", "--capital", "1000")
    arms = json.loads(run("policy", "list", "--json").out)
    assert sum(arm["traffic_allocation"] for arm in arms) == pytest.approx(1.0)
    assert [arm["state"] for arm in arms].count("candidate") == 2
    assert next(arm for arm in arms if arm["role"] == "champion")["traffic_allocation"] == 0.4


def test_a_freqtrade_history_replays_with_no_set_up(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "tradesv3.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute(
            "CREATE TABLE trades (id INTEGER PRIMARY KEY, exchange TEXT, pair TEXT, is_open INT, "
            "fee_open REAL, fee_close REAL, open_rate REAL, close_rate REAL, amount REAL, "
            "stake_amount REAL, stake_currency TEXT, close_profit_abs REAL, open_date TEXT, "
            "close_date TEXT, strategy TEXT, enter_tag TEXT, is_short INT, realized_profit REAL)"
        )
        for n in range(40):
            pnl = 1.0 if n % 3 == 0 else -1.0
            connection.execute(
                "INSERT INTO trades VALUES (?,'binance','BTC/USDT',0,.001,.001,1,1,1,10,'USDT',"
                "?,?,?,'Grid','a',0,?)",
                (n, pnl, f"2025-01-{1 + n // 2:02d} {n % 2 * 10:02d}:00:00",
                 f"2025-01-{1 + n // 2:02d} {n % 2 * 10 + 5:02d}:00:00", pnl),
            )  # fmt: skip
    before = file.read_bytes()
    ran = run("replay", file, "--json")
    assert ran.code == 0, ran.err
    throttles = [a for a in map(json.loads, ran.out.splitlines()) if a["action"] == "throttle"]
    assert [(a["policy"], a["samples"]) for a in throttles] == [("Grid", 30)]
    assert file.read_bytes() == before
    assert "Drawdown could not be judged" in run("replay", file).out


def test_a_record_verifies_and_an_edited_audit_row_is_found(known: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept.db"
    assert known("replay", "--into", kept).code == 0
    assert known("replay", "--verify", "--db", kept).code == 0
    edited = tmp_path / "edited.db"
    shutil.copy(kept, edited)
    with sqlite3.connect(edited) as connection:
        connection.execute(
            "UPDATE audit SET body = replace(body, '0.1', '0.2') WHERE seq = "
            "(SELECT seq FROM audit WHERE body LIKE '%\"halt\"%')"
        )
    ran = known("replay", "--verify", "--db", edited)
    assert ran.code == 1
    assert ran.err.startswith("AUDIT_BROKEN")


def test_an_edited_share_is_not_what_the_audit_adds_up_to(known: Run, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        connection.execute(
            "UPDATE bandit_arms SET traffic_allocation = 0.3, revision = 99 WHERE policy_id = 2"
        )
    ran = known("replay", "--verify")
    assert ran.code == 1
    assert ran.err.startswith("PROJECTION_DIFFERS")


def test_a_share_edited_by_the_rules_is_clamped_and_verifies(known: Run, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        connection.execute("UPDATE bandit_arms SET traffic_allocation = 0.3 WHERE policy_id = 2")
        shares = connection.execute("SELECT traffic_allocation FROM bandit_arms").fetchall()
    assert shares == [(0.85,), (0.15,)]
    assert known("replay", "--verify").code == 0


def test_doctor_says_who_does_not_know_the_shares(known: Run, tmp_path: Path) -> None:
    (tmp_path / "tiltyard.toml").write_text('[effects]\nfile = "gone/shares.json"\n', "utf-8")
    assert known("policy", "halt", POLICY).code == 0
    told = known("doctor").out
    assert "file does not know the shares of 20" in told
    assert "Z: No such file or directory" in told
    (tmp_path / "gone").mkdir()
    assert known("run", "--once").code == 0
    assert "does not know" not in known("doctor").out


def test_doctor_says_in_one_line_what_a_target_lacks_that_is_named_no_more(
    known: Run, tmp_path: Path
) -> None:
    settings = tmp_path / "tiltyard.toml"
    settings.write_text('[effects]\nfile = "gone/shares.json"\n', "utf-8")
    assert known("policy", "halt", POLICY).code == 0
    settings.write_text("", "utf-8")
    before = known("doctor").out
    asked = known("freeze")
    assert asked.code == 0
    assert "not told yet" not in asked.out
    after = known("doctor").out
    for told in (before, after):
        (line,) = [line for line in told.splitlines() if line.startswith("file ")]
        assert line.startswith(
            "file is named by the settings no more, and was not told of 1 effect, the last at 20"
        )
        assert line.endswith(": nothing is to be done, or name it again in [effects]")
        assert "effect 1 on file" not in told


def test_a_noted_head_is_asked_for_and_its_absence_fails(known: Run) -> None:
    told = known("replay", "--verify").out
    assert "no replay has judged here, so no judgement was made again" in told
    head = told.splitlines()[-1].removeprefix("head: ")
    assert head in known("doctor").out
    assert known("replay", "--verify", "--head", head).code == 0
    missed = known("replay", "--verify", "--head", head[::-1])
    assert missed.code == 1
    assert missed.err.startswith("HEAD_UNKNOWN")


def test_marks_and_readings_from_the_future_are_shown(known: Run, tmp_path: Path) -> None:
    ahead = datetime(2199, 1, 1, tzinfo=UTC)
    with Ledger.open(str(tmp_path / "desk.db")) as ledger:
        ledger.append_marks([Mark(POLICY, ahead, Money(0), 1)], known_at=system_now())
        gauge = Observation("account_balance", 5, ahead)
        ledger.append_observations([gauge], known_at=system_now())
    said = [line for line in known("doctor").out.splitlines() if line.startswith("quarantined")]
    when = "at 2199-01-01T00:00:00Z: more than 60 s in the future"
    assert said == [
        f"quarantined: a mark of {POLICY} {when}",
        f"quarantined: account_balance of the account {when}",
    ]
    assert "2 marks and observations are in quarantine: tiltyard doctor" in known("report").out


def test_a_ledger_verifies_after_a_later_registration(known: Run) -> None:
    assert known("policy", "register", "best", "--role", "champion", "--capital", "9").code == 0
    assert known("replay", "--verify").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--champion", "best"), ("--capital", "5"), ("--policy", "x"), ("--map", "pnl=profit"),
        ("--head", "abc"), ("--verify", "file.csv"), ("--verify", "--into", "kept.db"),
        ("--verify", "--champion", "best"),
    ],
)  # fmt: skip
def test_an_option_that_would_do_nothing_is_refused(known: Run, words: tuple[str, ...]) -> None:
    ran = known("replay", *words)
    assert ran.code == 2
    assert ran.err.startswith("OPTION_IDLE")


def test_the_version_is_said_without_a_database_or_settings(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tiltyard.toml").write_text("no settings", encoding="utf-8")
    ran = run("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"tiltyard {__version__}\n", "")
    assert "--version" in run("--help").out
    assert list(tmp_path.iterdir()) == [tmp_path / "tiltyard.toml"]


def test_a_database_that_is_not_one_is_a_clear_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "desk.db").write_bytes(b"garbage" * 1000)
    ran = run("report")
    assert ran.code == 1
    assert ran.err.startswith("DATABASE_CORRUPT")


@pytest.mark.parametrize(
    "words",
    [("report",), ("doctor",), ("replay", "--verify"), ("policy", "list"), ("db", "upgrade")],
)
def test_a_database_of_other_software_is_refused_and_left_as_it_is(
    run: Run, tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = tmp_path / "desk.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trades (id INTEGER, pair TEXT)")
    before = path.read_bytes()
    ran = run(*words)
    assert (ran.code, ran.err.split()[0]) == (2, "DATABASE_FOREIGN")
    assert path.read_bytes() == before
    assert {found.name for found in tmp_path.iterdir()} == {"desk.db"}


def test_an_empty_database_has_nothing_to_verify(run: Run) -> None:
    assert run("db", "upgrade").code == 0
    ran = run("replay", "--verify")
    assert (ran.code, ran.err.split()[0]) == (1, "AUDIT_EMPTY")


def test_the_record_of_a_replay_takes_in_no_more_trades(
    run: Run, known_csv: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.db"
    assert run("replay", known_csv, "--into", kept).code == 0
    ran = run("ingest", known_csv, "--db", kept)
    assert (ran.code, ran.err.split()[0]) == (2, "RECORD_CLOSED")
    assert run("replay", "--verify", "--db", kept).code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("scale",), ("freeze",), ("stop-all",), ("resume",), ("review", "ack", "1"),
        ("policy", "halt", POLICY), ("policy", "throttle", POLICY), ("policy", "rearm", POLICY),
        ("policy", "retire", POLICY), ("policy", "approve", POLICY), ("policy", "rollback", "flat"),
        ("policy", "register", "late", "--capital", "100"), ("run", "--once"),
    ],
)  # fmt: skip
def test_nobody_acts_in_the_record_of_a_replay(
    run: Run, known_csv: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    kept = tmp_path / "kept.db"
    assert run("replay", known_csv, "--into", kept).code == 0
    before = run("replay", "--verify", "--db", kept).out
    ran = run(*words, "--db", kept)
    assert (ran.code, ran.out, ran.err.split()[0]) == (2, "", "RECORD_CLOSED")
    assert run("replay", "--verify", "--db", kept).out == before
    assert run("commands", "--db", kept).out == ""


def test_a_record_is_reported_as_of_its_end(run: Run, known_csv: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.db"
    assert run("replay", known_csv, "--into", kept).code == 0
    ended = "2025-07-16"
    assert f"as of {ended}" in run("report", POLICY, "--db", kept).out
    for asked in ("--rules", "--actions"):
        first, *others = run("report", asked, "--db", kept).out.splitlines()
        assert first.startswith(f"As of {ended}")
        assert first.endswith("Z, the end of the record.")
        body = json.loads(run("report", asked, "--db", kept, "--json").out)
        at = body["generated_at"]
        assert at.startswith(ended)
        said, *same = run("report", asked, "--db", kept, "--at", at).out.splitlines()
        assert (f"{said[:-1]}, the end of the record.", same) == (first, others)
    page = tmp_path / "actions.html"
    assert run("report", "--actions", "--db", kept, "--html", page).code == 0
    assert f"As of {ended}" in page.read_text("utf-8")


def test_a_ledger_is_reported_as_of_now(known: Run) -> None:
    first = known("report", "--actions").out.splitlines()[0]
    assert not first.startswith("As of")
    year = json.loads(known("report", POLICY, "--json").out)["generated_at"][:4]
    assert int(year) > 2025


def test_a_report_of_the_past_knows_nothing_of_what_came_later(
    run: Run, known_csv: Path, tmp_path: Path
) -> None:
    """The known status is halted at its 14th trade, on 2025-07-10."""
    kept = str(tmp_path / "kept.db")
    assert run("replay", known_csv, "--into", kept).code == 0

    def told(at: str) -> dict[str, object]:
        body = json.loads(run("report", POLICY, "--json", "--db", kept, "--at", at).out)
        return {name: body[name] for name in ("state", "traffic_allocation", "total_trades")} | {
            "reviews": len(body["open_reviews"])
        }

    before, after = told("2025-07-09T12:00:00Z"), told("2025-07-12T00:00:00Z")
    assert before == {
        "state": "probation", "traffic_allocation": 0.1, "total_trades": 11, "reviews": 0
    }  # fmt: skip
    assert after == {
        "state": "halted", "traffic_allocation": 0.0, "total_trades": 14, "reviews": 1
    }  # fmt: skip


def test_a_trade_in_another_currency_is_refused_by_that_column(run: Run, tmp_path: Path) -> None:
    lines = HEADER.strip() + ",currency\n" + GOOD.strip() + ",USDT\n"
    other = GOOD.strip().replace("1,", "2,", 1) + ",EUR\n"
    (tmp_path / "log.csv").write_text(lines + other, "utf-8")
    ran = run("ingest", "log.csv", "--register", "--capital", "900")
    assert ran.code == 2
    assert "as in the other trades of alpha" in ran.err
    assert "@ row 2, column currency" in ran.err


def test_a_champion_below_its_band_has_a_next_step(run: Run, tmp_path: Path) -> None:
    times = (f"2025-01-{day:02}T{hour:02}" for day in range(1, 4) for hour in range(0, 20, 2))
    rows = (f"{at},alpha,BTC,long,{at}:00Z,{at}:30Z,{-1 if n % 3 else 1}"
            for n, at in enumerate(times))  # fmt: skip
    (tmp_path / "log.csv").write_text(HEADER + "\n".join(rows) + "\n", "utf-8")
    assert run("policy", "register", "alpha", "--role", "champion", "--capital", "900").code == 0
    assert run("ingest", "log.csv").code == 0
    told = json.loads(run("report", "alpha", "--json").out)
    assert [one["action"] for one in told["actions"]] == ["propose_rollback", "page"]
    assert told["next_step"].endswith("put another in its place: tiltyard policy rollback alpha")


def test_whom_the_ladder_leaves_without_traffic_is_told_who_gives_it_some(
    run: Run, tmp_path: Path
) -> None:
    def share_by_sql(share: float) -> None:
        with sqlite3.connect(tmp_path / "desk.db") as database:
            database.execute(
                "UPDATE bandit_arms SET traffic_allocation = ? WHERE policy_id = "
                "(SELECT id FROM policies WHERE name = 'paused')",
                [share],
            )

    def told(name: str) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(run("report", name, "--json").out)
        return body

    assert run("policy", "register", "prod", "--role", "champion", "--capital", "9").code == 0
    assert run("policy", "register", "paused", "--capital", "9").code == 0
    assert run("policy", "register", "none", "--capital", "9", "--share", "0").code == 0
    assert told("paused")["next_gate"].endswith("open the ladder: 0 so far")
    share_by_sql(0)
    assert told("paused")["next_gate"].endswith("open the ladder: 0 so far, and it has no traffic")
    why = "; it has no traffic, and the ladder gives it none"
    assert told("paused")["next_step"] == f"give it a share by SQL, up to 15.0 %{why}"
    share_by_sql(0.1)
    assert told("paused")["traffic_allocation"] == 0.1
    share_by_sql(0)
    assert run("freeze").code + run("resume", "freeze").code == 0
    assert told("paused")["next_step"].startswith("put it on a new trial: tiltyard policy throttle")
    for words in (("policy", "throttle", "paused"), ("review", "ack", "1"),
                  ("policy", "rearm", "paused")):  # fmt: skip
        assert run(*words).code == 0
    assert told("paused")["traffic_allocation"] == 0.1
    assert told("none")["next_step"].startswith("retire it and register it under another name")
    assert run("policy", "retire", "none", "--reason", "never had any").code == 0
    assert run("policy", "register", "again", "--capital", "9").code == 0
    assert told("again")["traffic_allocation"] == 0.1


def test_a_missing_database_says_how_to_make_one(run: Run) -> None:
    ran = run("report")
    assert ran.code == 2
    assert ran.err.endswith("or make it: tiltyard init, ingest or db upgrade\n")
    assert run("db", "upgrade").code == 0
    assert run("report").out.startswith("There are no arms. Take in trades: tiltyard ingest")


@pytest.mark.parametrize("command", [("report",), ("db", "upgrade")])
def test_a_folder_for_a_database_is_a_clear_error(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "desk").mkdir()
    ran = run(*command, "--db", "desk")
    expected = "DATABASE_URL_INVALID desk: it is a folder. name a file: desk/tiltyard.db\n"
    assert (ran.code, ran.err) == (2, expected)


def test_a_candidate_is_told_what_it_waits_for(run: Run, tmp_path: Path) -> None:
    def next_step(name: str) -> str:
        return str(json.loads(run("report", name, "--json").out)["next_step"])

    for number in range(6):
        run("policy", "register", f"arm{number}", "--capital", "1000")
    run("policy", "register", "poor")
    run("policy", "register", "rich", "--capital", "1000")
    room = "wait for room: it starts with 10.0 %, and 0.0 % is free"
    assert next_step("rich") == room
    assert (
        next_step("poor") == "say what equity it may use: tiltyard policy register poor --capital X"
    )
    rows = HEADER.replace("pnl", "pnl,capital") + GOOD.replace("alpha", "poor").replace(
        "1.5", "1.5,9"
    )
    (tmp_path / "sized.csv").write_text(rows, encoding="utf-8")
    assert run("ingest", "sized.csv").code == 0
    assert next_step("poor") == room, "its trade says what it was sized on"
    (tmp_path / "tiltyard.toml").write_text("[shares]\nchampion_floor = 0.2\n", "utf-8")
    assert next_step("poor").endswith("tiltyard ingest puts it on trial")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--role", "champion", "--share", "0.2"), "SHARE_INVALID late: a champion has no start"),
        (("--created-at", "2199-01-01T00:00:00Z"), "TIME_INVALID '2199-01-01T00:00:00Z': it lies"),
    ],
)
def test_what_a_registration_could_not_keep_is_refused(
    run: Run, words: tuple[str, ...], expected: str
) -> None:
    ran = run("policy", "register", "late", *words)
    assert ran.code == 2
    assert ran.err.startswith(expected)
    assert run("policy", "list").code == 2, "nothing was made"


def test_an_observed_guard_records_and_changes_nothing(known: Run, tmp_path: Path) -> None:
    (tmp_path / "tiltyard.toml").write_text("# mine\n", encoding="utf-8")
    assert known("checklist", "observe", "challenger_drawdown_high").code == 0
    assert (tmp_path / "tiltyard.toml").read_text("utf-8").startswith("# mine\n")
    ran = known("replay", "--json")
    halts = [a for a in map(json.loads, ran.out.splitlines()) if a["action"] == "halt"]
    assert [halt["mode"] for halt in halts] == ["observe"]
    assert "probation" in known("replay").out
    assert known("checklist", "enforce", "challenger_drawdown_high").code == 0
    assert '"enforce"' in known("replay", "--json").out
    unknown = known("checklist", "observe", "challenger_drawdown_hihg")
    assert unknown.code == 2
    assert "did you mean 'challenger_drawdown_high'?" in unknown.err


def test_the_checklist_explains_itself_on_a_policys_own_trades(known: Run) -> None:
    ran = known("checklist", "explain", "eee02a74")
    assert ran.code == 0, ran.err
    halting = next(line for line in ran.out.splitlines() if line.startswith("challenger_drawdown"))
    assert "would be halted within 150 trades in" in halting
    answers = {a["guard"]: a for a in json.loads(known("checklist", "explain", "eee02a74",
                                                       "--json").out)}  # fmt: skip
    assert 0.5 < answers["challenger_drawdown_high"]["within"]["150"] <= 1
    assert answers["encoder_kl_divergence_high"]["state"] != "defined"
    assert known("checklist", "explain", "eee02a74").out == ran.out


def test_what_a_terminal_of_another_encoding_sends_is_kept_and_keeps_up_nobody(
    run: Run, known_csv: Path, tmp_path: Path
) -> None:
    latin = "B\udcf6rse"
    file = known_csv.rename(tmp_path / f"{latin}.csv")
    assert run("ingest", file, "--register", "--capital", "10000").code == 0
    assert run("freeze", "--reason", latin, "--actor", latin).code == 0
    refused = run("resume", latin)
    assert (refused.code, refused.err.split()[0]) == (2, "HOLD_UNKNOWN")
    assert run("resume").out == "no longer on hold by freeze\n"
    assert r"B\udcf6rse" in run("commands").out
    assert run("replay", "--verify").code == 0


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("resume", "freeze", "--reason"), "reason"),
        (("resume", "freeze", "--actor"), "actor"),
        (("freeze", "--key"), "key"),
        (("policy", "halt"), "policy"),
        (("policy", "rollback", POLICY, "--to"), "to"),
        (("policy", "register", "a", "--kind"), "kind"),
        (("ingest", "known.csv", "--source"), "source"),
        (("ingest", "known.csv", "--account"), "account"),
    ],
)
def test_what_nobody_would_read_to_its_end_is_refused(
    known: Run, words: tuple[str, ...], name: str
) -> None:
    assert known("freeze").code == 0
    before = known("commands").out
    ran = known(*words, "x" * 100_000)
    told = f"TEXT_TOO_LONG {name}: it has 100,000 characters, and 1,000 are the most. "
    assert (ran.code, ran.err) == (2, f"{told}say it in fewer\n")
    assert known("commands").out == before


def test_a_halt_does_not_wait_for_a_shorter_reason(known: Run) -> None:
    assert known("policy", "halt", POLICY, "--reason", "x" * 100_000).code == 0
    (halt,) = (one for one in json.loads(known("commands", "--json").out) if one["verb"] == "halt")
    assert (halt["outcome"], halt["reason"]) == ("done", "x" * 999 + "…")
    assert known("policy", "rearm", POLICY, "--reason", "x" * 1000).err.startswith("REVIEW_OPEN")


def test_the_page_of_a_kept_replay_shows_what_the_replay_did(known: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept.db"
    assert known("replay", "--into", kept).code == 0
    ran = known("report", "--db", kept, "--html", "page.html")
    assert ran.code == 0, ran.err
    text = (tmp_path / "page.html").read_text("utf-8")
    done = text[text.index("<h2>Actions") :]
    assert "2025-07-10 00:00" in done
    assert "10.0 % → 0.0 %" in done
    assert "nothing was recorded" not in text
    assert known("report", "--html", "own.html").code == 0
    assert "nothing was recorded while" in (tmp_path / "own.html").read_text("utf-8")


@pytest.mark.parametrize("command", ["report", "replay"])
def test_a_page_with_nowhere_to_go_is_refused_before_anything_is_printed(
    known: Run, command: str
) -> None:
    ran = known(command, "--html", "missing/page.html")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("PAGE_UNWRITABLE missing/page.html: No such file or directory")


def test_the_last_trades_are_those_closed_by_then_each_book_apart(run: Run, tmp_path: Path) -> None:
    rows = [f"{n},alpha,BTC/USDT,long,2025-01-0{n}T00:00:00Z,2025-01-0{n}T01:00:00Z,{n},2,"
            f"{'shadow' if n == 2 else 'live'}\n" for n in range(1, 6)]  # fmt: skip
    head = HEADER.replace("pnl", "pnl,risk,book")
    (tmp_path / "t.csv").write_text(head + "".join(rows), encoding="utf-8")
    assert run("ingest", "t.csv", "--register", "--capital", "100").code == 0
    asked = ("report", "alpha", "--trades", "--at", "2025-01-04T00:00:00Z")
    assert run(*asked).out.endswith(
        "\nLast live trades of alpha\n"
        "  2025-01-01 01:00Z  BTC/USDT        long            1.00    +0.50 R\n"
        "  2025-01-03 01:00Z  BTC/USDT        long            3.00    +1.50 R\n"
        "\nLast shadow trades of alpha\n"
        "  2025-01-02 01:00Z  BTC/USDT        long            2.00    +1.00 R\n"
        "\nThe ledger learnt of 3 of these trades only after this time.\n"
    )
    told = json.loads(run(*asked, "--json").out)["trades"]
    assert [(t["trade_id"], t["book"], t["r_multiple"]) for t in told] == [
        ("1", "live", 0.5), ("3", "live", 1.5), ("2", "shadow", 1.0),
    ]  # fmt: skip
    assert "alpha: none" in run("report", "alpha", "--trades", "--at", "2024-01-01T00:00:00Z").out
