"""A desk that trades, as a process: what it says, and what it leaves and finds again."""

from datetime import timedelta
from pathlib import Path

import pytest

from command_line import Run
from floors import JUMP, House, put_bars, quiet_and_up, rules
from tiltyard.kernel.clock import EPOCH
from tiltyard.market.bar import HOUR
from tiltyard.shell.clock import system_now
from tiltyard.shell.store.ledger import Ledger

BREAKOUT = "breakout_20250101_000000_00000001"
TOML = '[market]\nfeed = "bars"\n'


@pytest.fixture
def floor(run: Run, tmp_path: Path) -> Run:
    joined = run("policy", "register", BREAKOUT, "--role", "champion", "--capital", "10000")
    assert joined.code == 0
    (tmp_path / "tiltyard.toml").write_text(TOML, "utf-8")
    (tmp_path / "bars").mkdir()
    return run


@pytest.mark.parametrize(
    ("names", "code"),
    [([], "FEED_MISSING"), (["SOL_USDT-1h.csv", "SOL_USDT-4h.csv"], "FEED_MIXED")],
)
def test_a_folder_that_nobody_can_trade_on_keeps_the_floor_shut_and_the_desk_running(
    floor: Run, tmp_path: Path, names: list[str], code: str
) -> None:
    for name in names:
        put_bars(tmp_path / "bars" / name, quiet_and_up(system_now()))
    assert floor("policy", "halt", BREAKOUT, "--reason", "test").code == 0
    ended = floor("run", "--once")
    assert ended.code == 0, ended.err
    assert f"\n{code} bars: " in ended.err
    assert ended.err.endswith("the floor is shut\nstopped; the lease is given back\n")


def test_it_decides_by_the_hour_that_has_ended_and_another_finds_what_was_ordered(
    floor: Run, tmp_path: Path
) -> None:
    hour = system_now().replace(minute=0, second=0, microsecond=0)
    bars = quiet_and_up(hour - (JUMP + 1) * HOUR)
    put_bars(tmp_path / "bars" / "SOL_USDT-1h.parquet", bars[: JUMP + 1])
    first = floor("run", "--once")
    assert first.code == 0, first.err
    assert "the floor trades on bars of 1 h in bars: 1 arm, nothing open\n" in first.err
    second = floor("run", "--once")
    assert f"nothing open, played until {hour:%Y-%m-%dT%H}:00:00Z\n" in second.err
    with Ledger.open(str(tmp_path / "desk.db")) as ledger:
        assert [one.policy for one in ledger.decisions()] == [BREAKOUT]
    assert floor("replay", "--verify").code == 0
    assert floor("report").code == 0


def test_a_desk_that_is_stopped_says_what_stays_open(floor: Run, tmp_path: Path) -> None:
    """Bars of a minute; what was ordered an hour ago has filled since."""
    minute = timedelta(minutes=1)
    now = system_now()
    begun = now - (now - EPOCH) % minute - (JUMP + 6) * minute
    bars = [bar._replace(opened_at=begun + n * minute)
            for n, bar in enumerate(quiet_and_up(begun))]  # fmt: skip
    file = tmp_path / "bars" / "SOL_USDT-1m.csv"

    put_bars(file, bars[: JUMP + 1])
    with Ledger.open(str(tmp_path / "desk.db")) as ledger:
        settings = rules(interval=minute)
        account = settings.account.model_copy(update={"currency": ""})
        settings = settings.model_copy(update={"account": account})
        house = House(ledger, settings, tmp_path / "bars", begun + (JUMP + 1) * minute, minute)
        house.round()
        put_bars(file, bars[: JUMP + 3])
        house.round(begun + (JUMP + 3) * minute)
        assert house.trader.open_positions
        with ledger.transaction() as inside:
            inside.connection.exec_driver_sql("UPDATE leases SET holder = ''")
    ended = floor("run", "--once")
    assert ended.code == 0, ended.err
    assert ": 1 arm, 1 position open, played until " in ended.err
    assert f"stays open: {BREAKOUT} long SOL/USDT since " in ended.err
    assert ended.err.endswith("stopped; the lease is given back\n")
