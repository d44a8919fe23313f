"""What every trained policy does on a desk: look as it looked in training, answer, and act on it.

What it is told are its features by name and the last bars. The bars are made channels, scaled as in
training, and embedded; features and embedding are the row that it answers. What it answers, and how
it acts on that, is each kind's own.

It stays with what it holds whenever something is not as it was trained: a symbol that it does not
know, a feature that is missing, a hole in the recent bars, bars of another length. An answer that
is no finite number is a defect of the model: it stays then, too, and says so from then on.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltyard.features.channels import channels_of
from tiltyard.features.vector import Features
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.acting import RANGE, VOLATILITY
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.windows import ChannelScaler
from tiltyard.market.bar import Bar
from tiltyard.policies.policy import Intent, Observation, stay

if TYPE_CHECKING:
    from tiltyard.learners.encoder import Encoder

Floats = NDArray[np.float32]


class _Told(NamedTuple):
    """What the networks are told of a symbol.

    Attributes:
        row: Features ``(1, features)``.
        window: Scaled channels ``(length, channels)``; None for networks on features alone.
    """

    row: Floats
    window: Floats | None


class Served(ABC):
    """A trained policy.

    Args:
        snapshot: That it is made of.

    Attributes:
        kind: Of its snapshot; each class has its own.
        digest: Of its snapshot.
        interval: How long a bar lasts.
        symbols: That it was trained on.
        encoder: From a window of bars to an embedding; None where it goes by features alone.
        scaler: Of the encoder's channels.
        is_finite: Every answer of it so far was a finite number.

    Raises:
        ValueError: The snapshot is of another kind, or does not have what its kind has; so do a
            KeyError and a TypeError.
    """

    kind: ClassVar[str]

    def __init__(self, snapshot: Snapshot) -> None:
        if snapshot.kind != self.kind:
            raise ValueError(snapshot.kind)
        told = snapshot.settings
        self.digest = snapshot.digest
        self.interval = timedelta(seconds=told["interval_seconds"])
        self.symbols = frozenset(told["symbols"])
        self.encoder: Encoder | None = None
        self.scaler = ChannelScaler.from_json(snapshot.scalers.get("channels", {}))
        self.is_finite = True
        self._names = tuple(told["features"])
        if self.interval <= timedelta() or self.interval % timedelta(minutes=1) or not self.symbols:
            raise ValueError(f"bars of {self.interval} of {told['symbols']}")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE
        if told.get("encoder"):
            from tiltyard.learners.encoder import encoder_from  # noqa: PLC0415 slow

            self.encoder = encoder_from(snapshot)

    @property
    @abstractmethod
    def acts_by(self) -> tuple[str, ...]:
        """Features that it acts by, whatever it answers."""

    @property
    @abstractmethod
    def round_trip_bps(self) -> float:
        """What it believes that a round trip costs."""

    @abstractmethod
    def answers(self, rows: Floats) -> NDArray[np.floating]:
        """What it says (n, answers) of rows (n, inputs)."""

    @abstractmethod
    def intent(self, answer: Sequence[float], observation: Observation) -> Intent:
        """What follows from a finite answer."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Its features, and what it acts by."""
        return tuple(dict.fromkeys([*self._names, *self.acts_by]))

    @property
    def looks_back(self) -> int:
        """A window of bars, and the one before it."""
        return 1 if self.encoder is None else self.encoder.settings.length + 1

    def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 nothing is drawn
        """By what it answers."""
        answer = self.answer_to(observation.features)
        return stay(observation) if answer is None else self.intent(answer, observation)

    def answer_to(self, features: Features) -> list[float] | None:
        """What it says of what is known now; None where it cannot tell."""
        return self.answers_to([features])[0]

    def answers_to(self, known: Sequence[Features]) -> list[list[float] | None]:
        """The same of many moments: each answer is that which it gives to the moment alone."""
        told = [self._told(features) for features in known]
        asked = [one for one in told if one is not None]
        answers = self._answers(asked) if asked else []
        if answers is None:  # one of them is no finite number
            return [None] if len(known) == 1 else [self.answer_to(features) for features in known]
        said = iter(answers)
        return [None if one is None else next(said) for one in told]

    def rehearse(self) -> None:
        """Decide once for every symbol, so that the first decision is not the slowest, or the last.

        The networks are asked once alone, as when it trades, and once for all symbols together.

        Raises:
            TiltyardError: ``MODEL_NOT_FINITE``.
            Exception: Whatever a decision raises.
        """
        usual = [self._usual(symbol) for symbol in sorted(self.symbols)]
        self.answer_to(usual[0])
        told = [one for features in usual if (one := self._told(features))]
        answers = self._answers(told) if len(told) == len(usual) else None
        if answers is None:
            raise TiltyardError(
                "MODEL_NOT_FINITE", self.digest[:8], "it answers what is no finite number",
                "train it anew: a model that answers so cannot have been tested",
            )  # fmt: skip
        for features, answer in zip(usual, answers, strict=True):
            self.intent(answer, Observation(features, "nothing"))

    def _answers(self, told: Sequence[_Told]) -> list[list[float]] | None:
        """To what it is told of some symbols; None where one is no finite number."""
        rows = np.concatenate([one.row for one in told])
        if self.encoder is not None:
            windows = np.stack([one.window for one in told if one.window is not None])
            rows = np.concatenate([rows, self.encoder.embed_sparing(windows)], axis=1)
        if np.isfinite(rows).all():
            answers = self.answers(rows)
            if np.isfinite(answers).all():
                said: list[list[float]] = answers.tolist()
                return said
        self.is_finite = False
        return None

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
        window = None
        if self.encoder is not None:
            window = self.scaler.scaled(features.symbol, channels_of(recent))
        is_finite = np.isfinite(row).all() and (window is None or np.isfinite(window).all())
        return _Told(row, window) if is_finite else None

    def _usual(self, symbol: str) -> Features:
        """What might be told of a symbol: prices go up and down a little, as volumes do."""
        first = datetime(2025, 1, 1, tzinfo=UTC)
        bars = tuple(
            Bar(symbol, first + n * self.interval, 100, 102, 99, 100 + n % 2, 5 + n % 3)
            for n in range(self.looks_back)
        )
        values = dict.fromkeys(self.needs, 0.0) | {"close": 100.0, VOLATILITY: 0.01, RANGE: 1.0}
        return Features(symbol, bars[-1].closes_at(self.interval), values, bars)

    def _in_a_row(self, recent: Sequence[Bar], features: Features) -> bool:
        """Whether the last bars followed one on the other, and the last has just closed."""
        ends = [bar.closes_at(self.interval) for bar in recent]
        return ends[-1] == features.as_of and all(
            end == bar.opened_at for end, bar in zip(ends, recent[1:], strict=False)
        )
