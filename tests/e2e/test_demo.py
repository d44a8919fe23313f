"""The main job, on a simulated floor and on the real logs."""

from pathlib import Path

from command_line import Run


def test_the_simulated_floor_is_judged_and_verified(run: Run, tmp_path: Path) -> None:
    ran = run("demo")
    assert ran.code == 0, ran.err
    assert "judgements came out the same" in ran.out
    timeline = ran.out.splitlines()
    assert any(" throttle " in line and "badc0de5" in line for line in timeline)
    assert any(" scale " in line and "600dcafe" in line for line in timeline)
    assert (tmp_path / "demo" / "simulated.html").stat().st_size > 100_000


def test_on_the_real_logs_nobody_reaches_the_literal_limit(run: Run, real_data: Path) -> None:
    ran = run("demo", "--data", real_data)
    assert ran.code == 0, ran.err
    assert "On these logs nobody reaches 1.6." in ran.out
    assert ran.out.count("judgements came out the same") == 2
    assert "MySupertrend" in ran.out
