"""``tiltyard policy versions``: the archive of what was trained, as people and programs read it."""

import json
from pathlib import Path

import pytest

from archives import digest_in, gate, sizing, written
from command_line import Run
from trained_policies import put_model, tiny_sizing

GOLDEN = Path(__file__).parents[1] / "golden" / "versions.txt"
BEST = "20250707_154526"


@pytest.fixture
def archive(run: Run, tmp_path: Path) -> Path:
    """Snapshots of every sort in the folder of models; two of them are traded, one of those harmed.

    Who trades them joined before they were there: their weights are none, and nobody may join by
    such a snapshot.
    """
    made, folder = tmp_path / "made", tmp_path / "models"
    above = gate(
        "not passed", 0.0004, "seed 3 wants long whatever the market does", champion=0.0003
    )
    below = gate("not passed", -0.00051, "the lower quartile of 5 seeds is not above flat")
    best = written(made, BEST, "dqn", **sizing(gate("passed", 0.00123, champion=0.001)))
    written(made, "20250630_020000", "dqn", **sizing(above))
    written(made, "20250623_020000", "dqn", **sizing(below))
    short = gate("undefined", None, "2 seeds, fewer than 5", "its time was up")
    written(made, "20250616_020000", "dqn", **sizing(short, partial=True))
    parents = {"parents": ["34e07f43" * 8], "seed": 7}
    written(made, "20250609_020000", "tabnet", {"symbols": ["SOL/USDT"]}, parents)
    written(made, "20250602_020000", "timesnet", {"symbols": ["SOL/USDT"]},
            {"data": {"until": 1_748_000_000}, "parents": [], "seed": 7})  # fmt: skip
    harmed = written(made, "20250601_020000", "tabnet", {"symbols": ["SOL/USDT"]})
    (made / "dqn_20250531_020000_00000000").mkdir()
    for name, path in (("bot", best), (harmed.name, harmed)):
        kind = path.name.partition("_")[0]
        joined = run("policy", "register", name, "--kind", kind, "--digest", digest_in(path),
                     "--capital", "10000")  # fmt: skip
        assert joined.code == 0, joined.err
    (harmed / "weights.safetensors").write_bytes(b"others")
    made.rename(folder)
    (folder / "misnamed").symlink_to(folder / best.name)
    return folder


@pytest.mark.usefixtures("archive")
def test_the_archive_reads_like_the_golden_one(run: Run) -> None:
    told = run("policy", "versions")
    assert (told.code, told.err) == (0, "")
    assert told.out == GOLDEN.read_text("utf-8")
    counted = "models: 9 in models, 3 refused: tiltyard policy versions says why\n"
    assert counted in run("doctor").out


def test_programs_are_told_in_full(run: Run, archive: Path) -> None:
    told = json.loads(run("policy", "versions", "--json").out)
    best = next(archive.glob(f"dqn_{BEST}_*"))
    assert told[0] == {
        "name": best.name, "kind": "dqn", "sha256": digest_in(best),
        "trained_at": "2025-07-07T15:45:26Z", "symbols": ["BTC/USDT", "SOL/USDT"],
        "knows_until": "2025-07-06T00:00:00Z", "parents": ["34e07f43" * 8], "steps": 250_000,
        "seeds": [1, 2, 3, 4, 5], "partial": False, "refused": None, "reason": None,
        "gate": {
            "state": "passed", "lower_quartile": 0.00123, "reasons": [],
            "against": {"flat": 0.0, "buy_and_hold": -0.0017, "champion": 0.001},
        },
        "arms": [{
            "policy": "bot", "role": "challenger", "state": "probation", "traffic_allocation": 0.1,
        }],
    }  # fmt: skip
    assert [one["refused"] for one in told[-3:]] == [
        "SNAPSHOT_TAMPERED", "SNAPSHOT_MISSING", "SNAPSHOT_UNREADABLE",
    ]  # fmt: skip
    assert told[-1] == {
        **dict.fromkeys(told[0]), "name": "misnamed", "symbols": [], "parents": [], "seeds": [],
        "arms": [], "refused": "SNAPSHOT_UNREADABLE",
        "reason": "its folder is not called as it was when it was made",
    }  # fmt: skip


def test_without_a_ledger_nobody_is_said_to_trade_it_and_one_that_is_named_has_to_be_there(
    run: Run, tmp_path: Path
) -> None:
    empty = run("policy", "versions")
    assert (empty.code, empty.out) == (0, "no snapshot is in models: tiltyard train makes one\n")
    assert run("policy", "versions", "--json").out == "[]\n"
    name = put_model(tmp_path / "models", tiny_sizing()).name
    told = run("policy", "versions")
    assert told.code == 0, told.err
    assert told.out.startswith(f"{name}\n")
    assert "arm:" not in told.out
    assert json.loads(run("policy", "versions", "--json").out)[0]["arms"] is None
    missing = run("policy", "versions", "--db", "other.db")
    assert (missing.code, missing.err[:16]) == (2, "DATABASE_MISSING")
    assert run("init").code == 0
    assert "models: 1 in models\n" in run("doctor").out
