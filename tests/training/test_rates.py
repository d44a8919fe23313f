"""Who learns from funding rates learns from bars at which they are known, and no others."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tiltyard.features.learned import FUNDING
from tiltyard.kernel.errors import Faults
from tiltyard.learners.plan import CandidateSettings
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.snapshot_folder import save
from tiltyard.market.costs import EVERY, FundingRates
from tiltyard.shell.training.bars import Bars, read_bars
from tiltyard.shell.training.order import Order
from tiltyard.shell.training.rates import rate_lines, refreshes_by_funding
from tiltyard.shell.training.running import settings_of
from training.small import write_bars

START = datetime(2025, 1, 1, tzinfo=UTC)
"""When the first bar opens."""
HOURS = 480
ORDER = Order("tabnet", Path("bars"), Path("models"), has_funding=True)


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Bars:
    """Twenty days of one market."""
    folder = tmp_path_factory.mktemp("bars")
    write_bars(folder, "SOL/USDT", hours=HOURS)
    return read_bars(folder, (), None, None, None)


def rated(bars: Bars, first: datetime, *, without: int | None = None) -> Bars:
    """With rates from one moment on, but for one of them."""
    times = [first + n * EVERY for n in range(90) if n != without]
    return replace(bars, funding={"SOL/USDT": FundingRates([(at, 1e-4) for at in times])})


def test_rates_that_are_known_of_every_bar_leave_none_out(bars: Bars) -> None:
    assert rate_lines(ORDER, rated(bars, START - timedelta(days=8))) == []


def test_bars_whose_rates_are_not_known_are_counted(bars: Bars) -> None:
    begun = rate_lines(ORDER, rated(bars, START))
    assert begun == [f"SOL/USDT: left out {20 * 8 - 1} bars whose funding is not known"]
    hole = rated(bars, START - timedelta(days=8), without=24)
    (said,) = rate_lines(ORDER, hole)
    assert said == f"SOL/USDT: left out {21 * 8 - 1} bars whose funding is not known"
    after = replace(ORDER, since=START + timedelta(days=7))
    assert rate_lines(after, rated(bars, START)) == []


def test_rates_that_are_missing_or_begin_late_are_refused_with_when_they_begin(bars: Bars) -> None:
    with pytest.raises(
        Faults, match=r"FUNDING_MISSING[\s\S]*no funding rates are known of it there"
    ):
        rate_lines(ORDER, bars)
    with pytest.raises(Faults, match="known from 2025-01-11T16:00:00Z on; begin there: --from"):
        rate_lines(ORDER, rated(bars, START + timedelta(days=4)))


def test_rates_that_end_early_are_refused_with_when_they_end(bars: Bars) -> None:
    first = START - timedelta(days=8)
    ended = [(first + n * EVERY, 1e-4) for n in range(30)]
    early = replace(bars, funding={"SOL/USDT": FundingRates(ended)})
    with pytest.raises(Faults, match=r"known until 2025-01-\d\dT\d\d:00:00Z; end there: --until"):
        rate_lines(ORDER, early)


def test_whoever_is_refreshed_is_not_told_to_do_without_an_option_it_has_not(bars: Bars) -> None:
    with pytest.raises(Faults, match="without --funding"):
        rate_lines(ORDER, bars)
    with pytest.raises(Faults, match="train one anew without them"):
        rate_lines(replace(ORDER, has_funding=False, refresh=Path("models/one")), bars)


def test_what_is_learnt_from_has_funding_where_it_is_asked_for() -> None:
    usual = CandidateSettings()
    assert settings_of(ORDER, usual).features == (*usual.features, *FUNDING)
    assert settings_of(replace(ORDER, has_funding=False), usual).features == usual.features


def test_what_has_learnt_from_funding_needs_it_when_it_goes_on_learning(tmp_path: Path) -> None:
    def made(*features: str) -> Path:
        return save(Snapshot("tabnet", settings={"features": features}), tmp_path, START)

    rated, plain = made("return_1", *FUNDING), made("return_1")
    assert refreshes_by_funding(replace(ORDER, refresh=rated))
    assert not refreshes_by_funding(replace(ORDER, refresh=plain))
    assert not refreshes_by_funding(replace(ORDER, what="encoder", refresh=rated))
    assert not refreshes_by_funding(ORDER)
