"""The page on features keeps up with the features."""

import re
from datetime import UTC, datetime

from docs.pages import DOCS, rows
from tiltyard.features.channels import CHANNELS
from tiltyard.features.learned import FUNDING, TECHNICAL
from tiltyard.features.technical import ALONE, COUNTED, indicator
from tiltyard.learners.plan import CandidateSettings
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.costs import EVERY, FundingRates

PAGE = "features.md"
N = 5
START = datetime(2025, 7, 7, tzinfo=UTC)
BARS = [Bar("SOL/USDT", START + n * HOUR, 100.0, 101.0, 99.0, 100.0 + n % 3, 1.0) for n in range(9)]
RATES = FundingRates([(START + n * EVERY, 1e-4) for n in range(-N, 3)])


def test_every_feature_has_a_row_and_no_other_has() -> None:
    told = rows(PAGE, "## By name")
    assert set(told) == {*ALONE, *(f"{kind}_N" for kind in COUNTED)}


def test_every_row_says_unit_definition_and_how_many_bars_it_needs() -> None:
    for name, row in rows(PAGE, "## By name").items():
        unit, definition, bars, _ = (cell.strip() for cell in row.strip("|").split("|"))
        assert unit, name
        assert definition, name
        see = indicator(name.replace("_N", f"_{N}"), HOUR, RATES)
        known = [see(bar) is not None for bar in BARS]
        needs = {"1": 1, "N": N, "N + 1": N + 1}[bars]
        assert known == [False] * (needs - 1) + [True] * (len(BARS) - needs + 1), name


def test_the_page_says_what_a_learner_is_told_by_default() -> None:
    text = (DOCS / "reference" / PAGE).read_text("utf-8")
    table = text.partition("## What a learner is told")[2].partition("\n## ")[0]
    usual, funding = table.split("| funding, with `--funding` |")
    told = [re.findall(r"`([a-z]+_[a-z0-9_]+|funding)`", part) for part in (usual, funding)]
    assert told == [list(CandidateSettings().features), list(FUNDING)]
    longest = max(int(name.rpartition("_")[2]) for name in TECHNICAL) + 1
    assert f"The longest look back is {longest} bars." in table


def test_every_channel_of_an_encoder_has_a_row() -> None:
    assert tuple(rows(PAGE, "## What an encoder is told")) == CHANNELS
