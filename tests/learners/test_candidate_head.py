"""A head, its classes and its scaler are of the training range alone: a test leaves no trace."""

from dataclasses import replace

import numpy as np
import pytest

from small_candidates import DATA, SETTINGS
from tiltyard.learners.candidate import MarketData, plan_of, rows_by
from tiltyard.learners.candidate_encoder import train_encoder
from tiltyard.learners.candidate_head import Fit, fit_head
from tiltyard.learners.examples import Rows
from tiltyard.learners.job import Job
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.walk_forward import Fold

FOLD = plan_of(SETTINGS, DATA).folds[0]


@pytest.fixture(scope="module")
def encoder() -> Snapshot:
    once = replace(SETTINGS, encoder=replace(SETTINGS.encoder, epochs=1))
    return train_encoder(once, DATA, seed=1, job=Job())


def fitted(rows: Rows, fold: Fold) -> Fit:
    return fit_head(SETTINGS, rows, fold, seed=1, job=Job(), stage="head")


def is_same(one: Fit, other: Fit) -> bool:
    weights = all(
        np.array_equal(mine, other.made.weights[name]) for name, mine in one.made.weights.items()
    )
    return weights and one.classes == other.classes and one.made.scaler == other.made.scaler


def otherwise_from(since: int) -> MarketData:
    """The same past, and another market from the bar on that opens then."""
    candles = {}
    for symbol, one in DATA.candles.items():
        factor = np.where(one.opened_at >= since, 1.3 + 0.2 * np.sin(one.opened_at / 9e4), 1.0)
        candles[symbol] = replace(
            one, open=one.open * factor, high=one.high * factor, low=one.low * factor,
            close=one.close * factor,
        )  # fmt: skip
    return MarketData(candles)


def test_what_is_tested_changes_nothing_that_was_fitted_before(encoder: Snapshot) -> None:
    rows = rows_by(SETTINGS, DATA, encoder)
    other = rows_by(SETTINGS, otherwise_from(FOLD.test_since), encoder)
    assert is_same(fitted(rows, FOLD), fitted(other, FOLD))
    late = FOLD._replace(train_until=FOLD.test_since)
    assert not is_same(fitted(rows, late), fitted(other, late)), "without an embargo it does"


def test_the_edges_of_classes_are_of_the_training_rows(encoder: Snapshot) -> None:
    rows = rows_by(SETTINGS, DATA, encoder)
    edges = []
    for moved in (rows.as_of >= FOLD.train_until, rows.as_of < FOLD.train_until):
        wilder = replace(rows, moves=np.where(moved, 3 * rows.moves, rows.moves))
        edges.append(fitted(wilder, FOLD).classes.edges)
    assert edges[0] == fitted(rows, FOLD).classes.edges
    assert edges[1] == pytest.approx([3 * edge for edge in edges[0]])
