"""What ``[market]`` may say, and that all that is wrong in it is told at once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tiltyard.kernel.errors import Faults
from tiltyard.shell.settings import load

GOOD = """
[market]
feed = "bars"
fee_bps = 4
[[market.blackouts]]
from = 2025-07-09T14:00:00+02:00
until = "2025-07-09T14:00:00Z"
reason = "rate decision"
symbols = ["sol/usdt"]
"""
BAD = """
[market]
fed = "bars"
fee_bps = -1
half_spread_bps = nan
sized = 1.5
blackouts = [
  { from = 2025-07-09T14:00:00, until = 2025-07-09T15:00:00Z },
  { from = 2025-07-09T14:00:00Z, until = 2025-07-09T14:00:00Z },
  { form = 2025-07-09T14:00:00Z, until = 2025-07-09T15:00:00Z },
]
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "tiltyard.toml"
    file.write_text(text, "utf-8")
    return file


def test_a_blackout_is_in_utc_and_ends_just_before_its_end(tmp_path: Path) -> None:
    market = load(written(tmp_path, GOOD)).market
    assert (market.feed, market.costs().fee_bps, market.sized) == ("bars", 4, 0.1)
    noon, two = datetime(2025, 7, 9, 12, tzinfo=UTC), datetime(2025, 7, 9, 14, tzinfo=UTC)
    names = ["SOL/USDT", "BTC/USDT"]
    assert market.barred(names, noon) == {"SOL/USDT"}
    assert market.barred(names, two - timedelta(seconds=1)) == {"SOL/USDT"}
    assert market.barred(names, two) == market.barred(names, noon - timedelta(seconds=1)) == set()


def test_everything_that_is_wrong_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(Faults, match="CONFIG_INVALID") as refused:
        load(written(tmp_path, BAD))
    found = {fault.place: fault.message for fault in refused.value.faults}
    assert set(found) == {
        "$.market.fed", "$.market.fee_bps", "$.market.half_spread_bps", "$.market.sized",
        "$.market.blackouts.0.from", "$.market.blackouts.1", "$.market.blackouts.2.from",
        "$.market.blackouts.2.form",
    }  # fmt: skip
    assert found["$.market.fed"] == "unknown setting 'fed', did you mean 'feed'?"
    assert found["$.market.blackouts.0.from"].startswith("no UTC offset: expected a time such as")
    assert found["$.market.blackouts.1"] == "until is not after from"


@pytest.mark.parametrize(
    ("said", "count"),
    [('[{"from": "2025-07-09T12:00:00Z", "until": "2025-07-09T14:00:00Z"}]', 1), ("[]", 0)],
)
def test_a_variable_has_the_list_in_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, count: int
) -> None:
    monkeypatch.setenv("TILTYARD_MARKET_BLACKOUTS", said)
    assert len(load(written(tmp_path, "")).market.blackouts) == count


def test_a_variable_that_is_no_list_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILTYARD_MARKET_BLACKOUTS", "tomorrow")
    with pytest.raises(Faults, match=r"expected a list in JSON @ \$.market.blackouts"):
        load(written(tmp_path, ""))
