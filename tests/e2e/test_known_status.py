"""The status that people know comes out to the digit, and one enforcing replay halts it."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

from command_line import POLICY, ROOT, Run

AT = "2025-07-17T00:00:00Z"
GOLDEN = Path(__file__).parents[1] / "golden"


def test_the_report_gives_the_known_figures(known: Run) -> None:
    ran = known("report", "eee02a74", "--json", "--at", AT)
    body = json.loads(ran.out)
    metrics = body["metrics"]
    assert ran.code == 0
    assert (body["policy"], body["role"], body["state"]) == (POLICY, "challenger", "probation")
    assert body["traffic_allocation"] == 0.1
    assert body["total_trades"] == 50
    assert metrics["profit_factor"]["value"] == 4.47
    assert round(metrics["win_rate_30"]["value"], 1) == 76.7
    assert metrics["dd_challenger_pct"]["value"] == 12.4
    assert metrics["dd_challenger_pct"]["verdict"] == "breach"


def test_what_nobody_observed_is_undefined_and_no_pass(known: Run) -> None:
    metrics = json.loads(known("report", "eee02a74", "--json").out)["metrics"]
    for name in ("encoder_kl_divergence", "gpu_util_pct", "pf_150", "pf_prod", "expectancy_r"):
        assert metrics[name]["value"] is None
        assert metrics[name]["state"] != "defined"
        assert metrics[name]["reason"]
        assert metrics[name]["verdict"] != "pass"


def test_the_report_reads_like_the_golden_one(known: Run) -> None:
    ran = known("report", "eee02a74", "--at", AT)
    assert ran.out == (GOLDEN / "known_status.txt").read_text("utf-8")


def test_an_enforcing_replay_halts_at_the_first_trade_beyond_the_limit(known: Run) -> None:
    lines = known("replay", "--json").out.splitlines()
    halts = [action for action in map(json.loads, lines) if action["action"] == "halt"]
    assert len(halts) == 1
    assert halts[0]["policy"] == POLICY
    assert halts[0]["guard"] == "challenger_drawdown_high"
    assert halts[0]["time"] == "2025-07-10T00:00:00Z"  # the fourteenth trade: 4.96 %
    assert halts[0]["value"] == 4.96
    assert (halts[0]["before"], halts[0]["after"]) == (0.1, 0.0)


def test_a_report_changes_nothing(known: Run, tmp_path: Path) -> None:
    before = _dump(tmp_path / "desk.db")
    known("report")
    known("replay")
    assert _dump(tmp_path / "desk.db") == before


def test_check_exits_3_on_a_breach_and_4_on_an_unknown_hard_guard(known: Run) -> None:
    assert known("report", "eee02a74", "--check").code == 3
    assert known("policy", "register", "fresh", "--capital", "5").code == 0
    assert known("report", "fresh", "--check").code == 4


def test_the_metric_columns_are_current_after_an_ingest(known: Run, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        row = connection.execute(
            "SELECT total_trades, wins, total_pnl, pf_150, traffic_allocation FROM bandit_arms "
            "JOIN policies ON policies.id = policy_id WHERE name = ?",
            (POLICY,),
        ).fetchone()
    assert row == (50, 38, 6593.0, None, 0.1)
    assert known("report").code == 0


def test_the_monitor_people_know_reports_with_plain_python(known: Run, tmp_path: Path) -> None:
    script = ROOT / "live_ops_monitor.py"
    ran = subprocess.run(
        [sys.executable, str(script), "--policy-sha", "eee02a74", "--mode", "report",
         "--db", str(tmp_path / "desk.db")],
        capture_output=True, text=True, check=False, timeout=600, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0
    assert "12.4 %" in ran.stdout
    assert known("report").code == 0


def _dump(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return list(connection.iterdump())
