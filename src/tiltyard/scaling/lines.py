"""Contenders as lines of an array, for the benchmark: compiled functions read them by name."""

from dataclasses import fields
from typing import Any

import numpy as np

from tiltyard.scaling.contender import BETS, Contender

ROW = np.dtype(
    [(one.name, "f8", (BETS,) if one.name == "wealth" else ()) for one in fields(Contender)]
)
"""A contender as a line of an array."""


def lines(count: int) -> Any:  # noqa: ANN401 an array that is read like contenders
    """So many contenders as lines of an array, none of them present."""
    fresh = Contender()
    rows = np.zeros(count, ROW)
    for one in fields(Contender):
        rows[one.name] = getattr(fresh, one.name)
    return rows
