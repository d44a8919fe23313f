"""The main job, on a simulated floor and on the real logs."""

import re
from pathlib import Path

from command_line import Run


def some_of(folder: Path, files: str, tmp_path: Path) -> Path:
    """Another folder, with these files of one."""
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    for file in folder.glob(files):
        (chosen / file.name).symlink_to(file)
    return chosen


def test_the_simulated_floor_is_judged_and_verified(run: Run, tmp_path: Path) -> None:
    ran = run("demo")
    assert ran.code == 0, ran.err
    assert "judgements came out the same" in ran.out
    timeline = ran.out.splitlines()
    assert any(" throttle " in line and "badc0de5" in line for line in timeline)
    assert any(" scale " in line and "600dcafe" in line for line in timeline)
    assert (tmp_path / "demo" / "simulated.html").stat().st_size > 100_000
    _, _, market = ran.out.partition("=== A simulated market")
    assert any(" throttle " in line or " halt " in line for line in market.splitlines())
    _, _, worth = market.partition("What each stop was worth, by what the arms did on paper")
    assert re.search(r" throttle .* (saved|cost) \d+\.\d+ R, interval ", worth)
    assert re.search(r"^All that moved traffic: .*; net [+-]", worth, re.MULTILINE)
    assert re.search(r"(?m)^Of 6 other rules \w+ did best.*: [+-].* R beyond what was done", worth)
    assert re.search(r"(?m)^(No observed rule did better|PROPOSED, not adopted: )", worth)
    gaps = re.findall(r"(-0\.\d+), interval -0\.\d+ … -0\.\d+, \d+ pairs", market)
    assert len(gaps) >= 8, "real fills are worse there than those on paper, and that is found"
    for word in ("all", "calm", "usual", "wild"):
        assert len(re.findall(rf"^    {word} .* pairs\)?$", market, re.MULTILINE)) == 4
    assert (tmp_path / "demo" / "market.html").stat().st_size > 100_000


def test_on_real_hours_the_floor_trades_under_both_checklists(
    run: Run, real_data: Path, tmp_path: Path
) -> None:
    ran = run("demo", "--data", some_of(real_data, "sol_usdt-1h.parquet", tmp_path))
    assert ran.code == 0, ran.err
    literal, _, relative = ran.out.partition("=== Compared with the champion, on real hours")
    assert "2020-10-23 to 2025-07-01" in literal
    assert " halt " in literal
    assert " resume " in relative
    for name in ("market-literal", "market-relative"):
        assert (tmp_path / "demo" / f"{name}.html").stat().st_size > 100_000


def test_on_the_real_logs_nobody_reaches_the_literal_limit(
    run: Run, real_data: Path, tmp_path: Path
) -> None:
    ran = run("demo", "--data", some_of(real_data, "trades-*.parquet", tmp_path))
    assert ran.code == 0, ran.err
    assert "On these logs nobody reaches 1.6." in ran.out
    assert ran.out.count("judgements came out the same") == 2
    assert "MySupertrend" in ran.out
