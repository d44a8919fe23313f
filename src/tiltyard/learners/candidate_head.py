"""Heads of a candidate: fitted on a training range, and asked what they expect of other rows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltyard.learners import tabnet
from tiltyard.learners.acting import expected_move
from tiltyard.learners.examples import Rows
from tiltyard.learners.head import Head, TabNetSettings
from tiltyard.learners.job import Job
from tiltyard.learners.labels import CLASSES, Classes, fit_classes
from tiltyard.learners.plan import CandidateSettings
from tiltyard.learners.walk_forward import Fold

Floats = NDArray[np.float64]

MASKED_ROWS = 2_000
"""Masks are averaged over so many rows of a test."""


class Fit(NamedTuple):
    """A head, and what it was fitted with."""

    head: Head
    made: tabnet.Fitted
    settings: TabNetSettings
    classes: Classes


def fit_head(
    settings: CandidateSettings, rows: Rows, fold: Fold, *, seed: int, job: Job, stage: str,
    epochs: int | None = None,
) -> Fit:  # fmt: skip
    """A head by the training range of a fold.

    Args:
        settings: Of the candidate.
        rows: All there are.
        fold: Whose training range is learnt from.
        seed: Of first weights and the order of rows.
        job: Who is told.
        stage: What it is called.
        epochs: So many, and nothing is held back; None for the best one by the range's end.
    """
    learnt = rows.between(fold.train_since, fold.train_until) & np.isfinite(rows.moves)
    classes = fit_classes(rows.moves[learnt])
    valid = None
    head = replace(settings.head, inputs=rows.x.shape[1], classes=len(CLASSES))
    if epochs is None:
        times = np.unique(rows.as_of[learnt])
        cut = int(times[round(len(times) * (1 - settings.valid))])
        step = int(np.diff(times).min())
        judged = learnt & (rows.as_of >= cut)
        learnt &= rows.as_of < cut - (settings.acting.horizon + 1) * step
        valid = rows.x[judged], classes.of(rows.moves[judged])
    else:
        head = replace(head, epochs=epochs, patience=epochs)
    made = tabnet.fit(
        head, rows.x[learnt], classes.of(rows.moves[learnt]), valid=valid, seed=seed, job=job,
        stage=stage,
    )  # fmt: skip
    return Fit(Head.from_weights(made.weights, head, made.scaler), made, head, classes)


def foresee(
    fit: Fit, rows: Rows, chosen: NDArray[np.bool_], settings: CandidateSettings,
    moves: Mapping[str, Floats],
) -> None:  # fmt: skip
    """Write what a head expects of some rows where their bars are."""
    probabilities = fit.head.probabilities(rows.x[chosen]).tolist()
    volatility, horizon = rows.volatility[chosen].tolist(), settings.acting.horizon
    symbols, numbers = rows.symbol[chosen].tolist(), rows.number[chosen].tolist()
    for each, wild, symbol, number in zip(probabilities, volatility, symbols, numbers, strict=True):
        move = expected_move(each, fit.classes.means, wild, horizon)
        moves[rows.symbols[symbol]][number] = move


def mean_masks(head: Head, x: NDArray[np.float32]) -> list[float]:
    """How much of its attention each input had, over rows spread evenly; together 1."""
    if not len(x):
        return []
    some = np.unique(np.linspace(0, len(x) - 1, min(MASKED_ROWS, len(x))).astype(int))
    return [round(float(one), 6) for one in head.masks(x[some]).mean(axis=0)]
