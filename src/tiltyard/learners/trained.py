"""A snapshot of kind ``tabnet`` as a policy: it decides live as it did in its walk-forward.

The row that it sees goes to the head; what the head expects is acted on by the rule that it was
tested with (:func:`~tiltyard.learners.acting.intent_of`).
"""

from collections.abc import Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from tiltyard.learners.acting import RANGE, VOLATILITY, Acting, expected_move, intent_of
from tiltyard.learners.head import Head, TabNetSettings
from tiltyard.learners.served import Floats, Served
from tiltyard.learners.snapshot import Snapshot
from tiltyard.policies.policy import Intent, Observation

KIND = "tabnet"


class Trained(Served):
    """A head on features and an embedding, as a policy; its answer is how probable each class is.

    Args and errors are those of every :class:`~tiltyard.learners.served.Served`.
    """

    kind = KIND

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(snapshot)
        told = snapshot.settings
        self._head = Head.from_weights(
            snapshot.part("head"), TabNetSettings(**told["head"]), snapshot.scalers["features"]
        )
        self._means = [float(one) for one in told["classes"]["means"]]
        classes = self._head.settings.classes
        if len(self._means) != classes or not all(map(isfinite, self._means)):
            raise ValueError(f"{len(self._means)} means of {classes} classes: {self._means}")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE
        self._acting = Acting.from_json(told["acting"])

    @property
    def acts_by(self) -> tuple[str, ...]:
        """What its rule reads."""
        return self._acting.needs

    @property
    def round_trip_bps(self) -> float:
        """What it believes that a round trip costs."""
        return self._acting.round_trip_bps

    def answers(self, rows: Floats) -> NDArray[np.floating]:
        """How probable each class is, shape (n, classes)."""
        return self._head.probabilities(rows)

    def intent(self, answer: Sequence[float], observation: Observation) -> Intent:
        """By what it expects of the next bars."""
        values = observation.features.values
        move = expected_move(answer, self._means, values[VOLATILITY], self._acting.horizon)
        return intent_of(
            self._acting, move, observation.holding, values["close"], values.get(RANGE)
        )
