"""A snapshot of kind ``dqn`` as a policy: it says how much it wants to hold.

Several networks, trained alike from different seeds, each say what wanting every position would be
worth, by what is held. What they think most of together is wanted
(:mod:`tiltyard.learners.values`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tiltyard.learners.served import Floats, Served
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.values import q_values
from tiltyard.policies.policy import Intent, Observation

KIND = "dqn"
CLIPPED = 5.0
"""Standard deviations from its mean beyond which a feature says no more."""

MATRIX = 2
Scaler = Mapping[str, Sequence[float]]


def scaled(x: NDArray[np.floating], scaler: Scaler) -> Floats:
    """Rows as networks are told them.

    Args:
        x: Shape (rows, inputs).
        scaler: ``mean`` and ``sd`` of each input.
    """
    mean, sd = (np.asarray(scaler[name], np.float32) for name in ("mean", "sd"))
    every: Floats = np.clip((x.astype(np.float32) - mean) / sd, -CLIPPED, CLIPPED)
    return every


def intent_for(position: float) -> Intent:
    """What is wanted by who wants a position.

    Args:
        position: A share of the whole one, below 0 for short.
    """
    if not position:
        return Intent("nothing")
    return Intent("long" if position > 0 else "short", size=abs(position))


def _are_positions(some: Sequence[float]) -> bool:
    """Shares of a whole position, each once, and one of them nothing."""
    return 0.0 in some and len(set(some)) == len(some) and all(abs(one) <= 1 for one in some)


class Sizing(Served):
    """Networks on features and an embedding, as a policy; its answer is a value by what is held.

    Args and errors are those of every :class:`~tiltyard.learners.served.Served`.
    """

    kind = KIND

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(snapshot)
        told = snapshot.settings
        self._positions = [float(one) for one in told["positions"]]
        self._networks = [snapshot.part(f"seed_{seed}") for seed in told["seeds"]]
        self._scaler = {
            name: [float(one) for one in snapshot.scalers["features"][name]]
            for name in ("mean", "sd")
        }
        rules = told["rules"]
        self._round_trip_bps = 2 * (float(rules["fee_bps"]) + float(rules["half_spread_bps"]))
        if not self._networks or not _are_positions(self._positions):
            raise ValueError(f"{len(self._networks)} networks, positions {self._positions}")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE
        embedded = 0 if self.encoder is None else self.encoder.settings.embedding
        inputs = len(self._names) + embedded
        self._check_shapes(inputs)

    def _check_shapes(self, inputs: int) -> None:
        count = len(self._positions)
        lengths = {len(one) for one in self._scaler.values()}
        if lengths != {inputs}:
            raise ValueError(f"a scaler of {lengths} numbers, {inputs} inputs")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE
        for network in self._networks:
            width = inputs + count
            for number in range(1, len(network) // 2 + 1):
                weights, shift = (network[f"layer_{number}.{one}"] for one in ("weights", "shift"))
                if weights.ndim != MATRIX or len(weights) != width:
                    raise ValueError(f"layer {number} of shape {weights.shape}, after {width}")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE
                width = weights.shape[1]
                if shift.shape != (width,):
                    raise ValueError(f"layer {number} is shifted by {shift.shape}, not {width}")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE
            if not width or width % count:
                raise ValueError(f"{width} answers, {count} positions")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE

    @property
    def acts_by(self) -> tuple[str, ...]:
        """It asks for nothing beside its features."""
        return ()

    @property
    def round_trip_bps(self) -> float:
        """What it believes that a round trip costs."""
        return self._round_trip_bps

    def answers(self, rows: Floats) -> NDArray[np.floating]:
        """What wanting each position is worth, by what is held; shape (n, positions squared)."""
        told = scaled(rows, self._scaler)
        total = sum(q_values(network, told) for network in self._networks)
        return np.asarray(total, np.float32).reshape(len(rows), -1)

    def intent(self, answer: Sequence[float], observation: Observation) -> Intent:
        """The position that is thought most of."""
        count = len(self._positions)
        held = self._held(observation)
        worth = answer[held * count : (held + 1) * count]
        return intent_for(self._positions[int(np.argmax(worth))])

    def _held(self, observation: Observation) -> int:
        """The position that is nearest to what is held."""
        size = {"long": observation.size, "short": -observation.size, "nothing": 0.0}
        share = size[observation.holding]
        return int(np.argmin([abs(one - share) for one in self._positions]))
