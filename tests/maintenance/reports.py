"""A run of the maintenance as a job has kept it: what each of its steps has printed and said."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from tiltyard.shell.maintenance.report import Part, Report

Json = Mapping[str, Any]

DAY = date(2026, 11, 22)
TRIED = "dqn_20261122_064127_3448b4ba"
SWEPT = ("tabnet_20261122_091502_ee02085f", "tabnet_20261122_091730_dfe65112")
RETRAINED = {
    "policy": TRIED, "sha256": "3448b4ba" * 8, "report": f"models/{TRIED}.html",
    "knows_until": "2026-11-22T02:00:00Z", "partial": False,
    "worth": {
        "walk_forward": {
            "since": 1732233600, "until": 1755561600, "days": 270, "trades": 1_432,
            "daily_return": {"value": 0.00041, "interval": {"low": 0.00007, "high": 0.00075}},
            "profit_factor": {"value": 1.21, "interval": {"low": 1.02, "high": 1.43}},
        },
        "hold_out": {
            "since": 1755561600, "until": 1763337600, "days": 90, "trades": 388,
            "daily_return": {"value": 0.00018, "interval": {"low": -0.0005, "high": 0.0009}},
            "profit_factor": {"value": 1.08, "interval": {"low": 0.83, "high": 1.4}},
        },
    },
    "gate": {"state": "passed", "reasons": [], "seeds": 5, "lower_quartile": 0.00032,
             "against": {"flat": 0.0, "buy_and_hold": 0.0001, "champion": 0.0002}},
    "register": f"tiltyard policy register {TRIED} --capital X",
    "registered": f"{TRIED}: challenger, probation, traffic 10.0 %",
}  # fmt: skip


def _best(trial: int, name: str, value: float) -> Json:
    held = {
        "since": 1755561600, "until": 1763337600, "days": 90, "trades": 41,
        "daily_return": {"value": value, "interval": {"undefined": "warming", "reason": "few"}},
        "profit_factor": {"undefined": "no_losses", "reason": "no losing trade has closed yet"},
    }  # fmt: skip
    return {"trial": trial, "policy": name, "sha256": "0" * 64, "report": f"models/{name}.html",
            "knows_until": None, "partial": False, "worth": {"hold_out": held}, "gate": None,
            "register": f"tiltyard policy register {name} --capital X"}  # fmt: skip


def step(name: str, began: str, ended: str, **kept: Any) -> Part:  # noqa: ANN401 as it was kept
    """A step as its job has kept it."""
    usual = {"step": name, "state": "done", "began_at": began and f"2026-11-22T{began}Z",
             "ended_at": ended and f"2026-11-22T{ended}Z", "said": "", "told": None}  # fmt: skip
    return Part.of_step({**usual, **kept})


def told(lines: Sequence[str], values: Json | None = None, *failed: str) -> Json:
    """What a task has printed."""
    errors = [{"code": one.partition(" ")[0], "text": one} for one in failed]
    return {**(values or {}), "lines": list(lines), "failed": errors}


def week() -> Report:
    """A week in which one task failed, and another was left out for it."""
    return Report(DAY, [
        step("snapshot", "03:00:00", "03:02:05", told=told([
            "2026-11-22/030000-a1b2c3  412.7 MB, sqlite, champion <prod>, 3 models",
            "kept in s3://desk/tiltyard, 1.2 MB of it new; all of it was read back",
        ])),
        step("retrain", "03:02:06", "06:41:30", told=told([
            TRIED,
            f"  SHA-256 {'3448b4ba' * 8}",
            f"  report: models/{TRIED}.html",
            "  gate: passed: the lower quartile of 5 seeds is 0.032 % a day",
            f"registered: {TRIED}: challenger, probation, traffic 10.0 %",
        ], RETRAINED)),
        step("optuna", "06:41:31", "09:17:44", told=told(
            ["10 trials: 7 complete, 3 given up early", "  report: models/sweep.html"],
            {"best": [_best(3, SWEPT[0], 0.0011), _best(8, SWEPT[1], -0.0002)]},
        )),
        step("purge", "09:17:45", "09:17:52", state="failed",
             said="DATABASE_LOCKED tiltyard.db: somebody else writes to it. try again"),
        step("cleanup", "", "", state="skipped", said="purge has failed"),
    ])  # fmt: skip
