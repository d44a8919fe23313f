"""A snapshot of kind ``tabnet`` as a policy: it decides live as it did in its walk-forward.

What it is told are its features by name and the last bars. The bars are made channels, scaled as in
training, and embedded; features and embedding go to the head; what the head expects is acted on by
the rule that it was tested with (:func:`~tiltyard.learners.acting.intent_of`).

It stays with what it holds whenever something is not as it was trained: a symbol that it does not
know, a feature that is missing, a hole in the recent bars, bars of another length. An answer that
is no finite number is a defect of the model: it stays then, too, and says so from then on.

torch computes with one thread while it decides, so that a decision takes a few milliseconds of one
core, and with as many as before afterwards.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import isfinite
from random import Random
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tiltyard.features.channels import channels_of
from tiltyard.features.vector import Features
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.acting import RANGE, VOLATILITY, Acting, expected_move, intent_of
from tiltyard.learners.encoder import Encoder
from tiltyard.learners.head import Head, TabNetSettings
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.timesnet_network import TimesNetSettings
from tiltyard.learners.windows import ChannelScaler
from tiltyard.market.bar import Bar
from tiltyard.policies.policy import Intent, Observation, stay

KIND = "tabnet"

Floats = NDArray[np.float32]


class _Told(NamedTuple):
    """What the networks are told of a symbol.

    Attributes:
        row: Features ``(1, features)``.
        window: Scaled channels ``(length, channels)``; None for a head on features alone.
    """

    row: Floats
    window: Floats | None


class Trained:
    """A trained policy.

    Args:
        digest: Of its snapshot.
        names: Its features, in the order in which the head is told them.
        interval: How long a bar lasts.
        symbols: That it was trained on.
        head: From features and embedding to probabilities of classes.
        means: Of each class, in units of the volatility over the horizon.
        acting: By which it acts on what it expects.
        encoder: From a window of bars to an embedding; None for a head on features alone.
        scaler: Of the encoder's channels.

    Attributes:
        is_finite: Every answer of it so far was a finite number.
    """

    def __init__(
        self,
        digest: str,
        names: Sequence[str],
        interval: timedelta,
        symbols: Sequence[str],
        head: Head,
        means: Sequence[float],
        acting: Acting,
        *,
        encoder: Encoder | None,
        scaler: ChannelScaler,
    ) -> None:
        self.digest = digest
        self.interval = interval
        self.symbols = frozenset(symbols)
        self.encoder = encoder
        self.scaler = scaler
        self.is_finite = True
        self._names = tuple(names)
        self._head = head
        self._means = tuple(means)
        self._acting = acting

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot) -> "Trained":
        """The policy that a snapshot of kind ``tabnet`` is.

        Raises:
            ValueError: It is of another kind, or does not have what its kind has; so do a
                KeyError and a TypeError.
        """
        if snapshot.kind != KIND:
            raise ValueError(snapshot.kind)
        told, scalers = snapshot.settings, snapshot.scalers
        encoder = None
        if told.get("encoder"):
            settings = TimesNetSettings(**told["encoder"])
            encoder = Encoder.from_weights(snapshot.part("encoder"), settings)
        head = Head.from_weights(
            snapshot.part("head"), TabNetSettings(**told["head"]), scalers["features"]
        )
        interval = timedelta(seconds=told["interval_seconds"])
        if not told["symbols"] or interval <= timedelta() or interval % timedelta(minutes=1):
            raise ValueError(f"bars of {interval} of {told['symbols']}")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE
        means = [float(one) for one in told["classes"]["means"]]
        if len(means) != head.settings.classes or not all(map(isfinite, means)):
            raise ValueError(f"{len(means)} means of {head.settings.classes} classes: {means}")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE
        return cls(
            snapshot.digest,
            told["features"],
            interval,
            told["symbols"],
            head,
            means,
            Acting.from_json(told["acting"]),
            encoder=encoder,
            scaler=ChannelScaler.from_json(scalers.get("channels", {})),
        )

    @property
    def needs(self) -> tuple[str, ...]:
        """Its features, and what it acts by."""
        return tuple(dict.fromkeys([*self._names, *self._acting.needs]))

    @property
    def round_trip_bps(self) -> float:
        """What it believes that a round trip costs."""
        return self._acting.round_trip_bps

    @property
    def looks_back(self) -> int:
        """A window of bars, and the one before it."""
        return 1 if self.encoder is None else self.encoder.settings.length + 1

    def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 nothing is drawn
        """By what it expects of the next bars."""
        probabilities = self.probabilities(observation.features)
        return (
            stay(observation) if probabilities is None else self._acted(observation, probabilities)
        )

    def _acted(self, observation: Observation, probabilities: Sequence[float]) -> Intent:
        values = observation.features.values
        move = expected_move(probabilities, self._means, values[VOLATILITY], self._acting.horizon)
        return intent_of(
            self._acting, move, observation.holding, values["close"], values.get(RANGE)
        )

    def probabilities(self, features: Features) -> list[float] | None:
        """Of each class; None where it cannot tell."""
        told = self._told(features)
        answers = None if told is None else self._answers([told])
        return None if answers is None else answers[0]

    def _told(self, features: Features) -> _Told | None:
        """What its networks are told; None where something is not as it was trained."""
        if features.symbol not in self.symbols or any(
            name not in features.values for name in self.needs
        ):
            return None
        recent = features.recent[-self.looks_back :]
        if len(recent) < self.looks_back or not self._in_a_row(recent, features):
            return None
        row = np.array([[features.values[name] for name in self._names]], dtype=np.float32)
        window = None if self.encoder is None else self._window(features.symbol, recent)
        if not np.isfinite(row).all() or (window is not None and not np.isfinite(window).all()):
            return None
        return _Told(row, window)

    def rehearse(self) -> None:
        """Decide once for every symbol, so that the first decision is not the slowest, or the last.

        The networks are asked once alone, as when it trades, and once for all symbols together.

        Raises:
            TiltyardError: ``MODEL_NOT_FINITE``.
            Exception: Whatever a decision raises.
        """
        rng = Random(0)  # noqa: S311 nothing is drawn
        usual = [self._usual(symbol) for symbol in sorted(self.symbols)]
        self.act(Observation(usual[0], "nothing"), rng)
        told = [one for features in usual if (one := self._told(features))]
        answers = self._answers(told) if len(told) == len(usual) else None
        if answers is None:
            raise TiltyardError(
                "MODEL_NOT_FINITE", self.digest[:8], "it answers what is no finite number",
                "train it anew: a model that answers so cannot have been tested",
            )  # fmt: skip
        for features, probabilities in zip(usual, answers, strict=True):
            self._acted(Observation(features, "nothing"), probabilities)

    def _usual(self, symbol: str) -> Features:
        """What might be told of a symbol: prices go up and down a little, as volumes do."""
        first = datetime(2025, 1, 1, tzinfo=UTC)
        bars = tuple(
            Bar(symbol, first + n * self.interval, 100, 102, 99, 100 + n % 2, 5 + n % 3)
            for n in range(self.looks_back)
        )
        values = dict.fromkeys(self.needs, 0.0) | {"close": 100.0, VOLATILITY: 0.01, RANGE: 1.0}
        return Features(symbol, bars[-1].closes_at(self.interval), values, bars)

    def _answers(self, told: Sequence[_Told]) -> list[list[float]] | None:
        """Probabilities of each that was told; None where a number of them is not finite."""
        rows = np.concatenate([one.row for one in told])
        windows = [one.window for one in told if one.window is not None]
        if self.encoder is not None:
            with one_thread():
                embeddings = self.encoder.embed(np.stack(windows))
            rows = np.concatenate([rows, embeddings], axis=1)
        if np.isfinite(rows).all():
            probabilities = self._head.probabilities(rows)
            if np.isfinite(probabilities).all():
                answers: list[list[float]] = probabilities.tolist()
                return answers
        self.is_finite = False
        return None

    def _in_a_row(self, recent: Sequence[Bar], features: Features) -> bool:
        """Whether the last bars followed one on the other, and the last has just closed."""
        ends = [bar.closes_at(self.interval) for bar in recent]
        return ends[-1] == features.as_of and all(
            end == bar.opened_at for end, bar in zip(ends, recent[1:], strict=False)
        )

    def _window(self, symbol: str, recent: Sequence[Bar]) -> Floats:
        return self.scaler.scaled(symbol, channels_of(recent))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread meanwhile, and with as many as before afterwards."""
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
