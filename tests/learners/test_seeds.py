"""Fits of several seeds: what each is told, and what is kept of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from learners.test_logged import fold_of, learn_bars, lessons
from tiltyard.learners.job import Job
from tiltyard.learners.seeds import Asked, fit_seed

HOUR = 3_600


def test_inputs_are_scaled_by_what_players_learn_from_alone(tmp_path: Path) -> None:
    """What chooses the weights, and what lies between, changes no scale."""
    usual = lessons(None, 0.0)
    fold = fold_of(usual.tracks)
    last = fold.train_since + learn_bars() * HOUR
    for changed, is_same in ((usual.rows.as_of > last, True), (usual.rows.as_of < last, False)):
        x = np.where(changed[:, None], 3 * usual.rows.x + 1, usual.rows.x)
        other = replace(usual, rows=replace(usual.rows, x=x))
        one, two = (
            fit_seed(which, Asked(fold, 1, ""), job=Job(), folder=tmp_path).scaler
            for which in (usual, other)
        )
        assert (one == two) == is_same
