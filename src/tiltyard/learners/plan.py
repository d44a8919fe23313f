"""How a candidate is made, and when: what it learns from, what it is tested on, what it may know.

>>> CandidateSettings(folds=3).acting.horizon
24
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from tiltyard.features.learned import TECHNICAL, TIME
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.acting import Acting
from tiltyard.learners.examples import MarketData, text_of
from tiltyard.learners.head import TabNetSettings
from tiltyard.learners.labels import CLASSES, FEWEST_ROWS
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.timesnet_network import TimesNetSettings
from tiltyard.learners.walk_forward import DAY, Fold, folds, range_empty
from tiltyard.learners.windows import ChannelScaler
from tiltyard.market.costs import Costs, FundingRates

LEARNT_BARS = 500
"""So many at least have to be before the first test, beside those that warm up."""
WARM_UP = 170
HELD_OUT_DAYS = 90
"""At the end, by which nothing is chosen, if nobody says otherwise."""
BASELINE_EVERY = 3 * 3_600
"""Seconds from one baseline window to the next, at least: a market remembers days, so more of them
say hardly more, and every third minute of a year is 175,000."""

UNRECORDED = FundingRates([(datetime.fromtimestamp(0, UTC), 0.0)])
"""When rates are due of which none was recorded: every eight hours, as it is usual."""


@dataclass(frozen=True, slots=True)
class CandidateSettings:
    """How a candidate is made and tested.

    Attributes:
        encoder: The encoder's.
        head: The head's; its inputs and classes follow from what there is.
        features: What the head is told beside the embedding, by name.
        acting: How it acts.
        folds: How many tests.
        initial: Share of the range, without what is held out, that is before all tests.
        hold_out_days: Days at the end by which nothing is chosen; 0 for none.
        embargo: Bars between a training range and its test, beside those that labels reach over.
        stride: The encoder learns from the windows of every so many bars, and drift is measured
            by as many, three hours apart at least.
        baseline_days: Drift is measured from windows of so many days before the first test.
        valid: Share of a training range, its end, by which the best epoch is chosen.
        fee_bps: Of the value traded, each way.
        half_spread_bps: By how much a fill is worse than the price.
    """

    encoder: TimesNetSettings = field(
        default_factory=lambda: TimesNetSettings(length=24, embedding=8)
    )
    head: TabNetSettings = field(
        default_factory=lambda: TabNetSettings(
            inputs=0, classes=len(CLASSES), epochs=30, patience=6, batch=2_048, rate=0.01
        )
    )
    features: tuple[str, ...] = (*TECHNICAL, *TIME)
    acting: Acting = field(default_factory=Acting)
    folds: int = 4
    initial: float = 0.5
    hold_out_days: int = HELD_OUT_DAYS
    embargo: int = 0
    stride: int = 3
    baseline_days: int = 365
    valid: float = 0.15
    fee_bps: float = 5.0
    half_spread_bps: float = 1.0

    def baseline_stride(self, interval: timedelta) -> int:
        """A window of the baseline ends with every so many bars.

        Args:
            interval: How long one lasts.
        """
        return max(self.stride, BASELINE_EVERY // round(interval.total_seconds()))

    def costs(self, data: MarketData) -> Costs:
        """Of trading, funding included where rates are known.

        Where none is, a position that is held over a time at which one is due has met one that
        nobody knows.
        """
        funding = {symbol: data.funding.get(symbol, UNRECORDED) for symbol in data.known}
        return Costs(self.fee_bps, self.half_spread_bps, funding, has_funding=True)

    def walking(self) -> dict[str, Any]:
        """How it is tested, for a snapshot's settings."""
        names = (
            "folds", "initial", "hold_out_days", "embargo", "stride", "baseline_days", "valid",
            "fee_bps", "half_spread_bps",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def to_json(self) -> dict[str, Any]:
        """All of it; settings of a snapshot hold the same under the same names."""
        return {
            "encoder": asdict(self.encoder), "head": asdict(self.head),
            "features": list(self.features), "acting": asdict(self.acting),
            "walk_forward": self.walking(),
        }  # fmt: skip

    def asked(self) -> dict[str, Any]:
        """What a snapshot keeps beside what it was made by in the end: epochs, and how to test."""
        return {"head": asdict(self.head), "walk_forward": self.walking()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "CandidateSettings":
        """As :meth:`to_json` tells it, or as it was asked of a snapshot of kind ``tabnet``.

        A head is saved with as many epochs as its folds took; whoever fits the next one by that
        could only ever learn less.
        """
        asked = {**told, **told.get("asked", {})}
        return cls(
            TimesNetSettings(**told["encoder"]), TabNetSettings(**asked["head"]),
            tuple(told["features"]), Acting.from_json(told["acting"]), **asked["walk_forward"],
        )  # fmt: skip


class Plan(NamedTuple):
    """When it learns, and when it is tested.

    Attributes:
        folds: In the order of time.
        hold_out: The range at the end by which nothing is chosen, and what comes before it.
    """

    folds: Sequence[Fold]
    hold_out: Fold | None

    @property
    def encoder_until(self) -> int:
        """What an encoder has learnt from must have been over then; seconds since 1970."""
        return self.folds[0].train_until


def plan_of(settings: CandidateSettings, data: MarketData) -> Plan:
    """Cut a past into what is learnt from and what is tested.

    Raises:
        TiltyardError: ``RANGE_EMPTY``, ``DATA_INSUFFICIENT`` with how many bars there are and how
            many are needed.
    """
    known = data.known
    closed = [one.closed_at for one in known.values()]
    inside = [one[one >= (data.since or 0)] for one in closed]
    if not any(len(one) for one in inside):
        raise range_empty(data.candles, data.since, data.until, "learn from")
    step = round(data.interval.total_seconds())
    first = min(int(one[0]) for one in inside if len(one))
    last = max(int(one[-1]) for one in closed)
    embargo = settings.acting.horizon + 1 + settings.embargo
    warm_up = settings.encoder.length + WARM_UP
    before = warm_up + LEARNT_BARS + embargo
    learnt = before / settings.initial
    tested = settings.folds * DAY / step / (1 - settings.initial)
    held_out = settings.hold_out_days * DAY
    held_out_bars = ceil(held_out / step)
    needed = held_out_bars + round(max(learnt, tested))
    if (last - first) // step < needed:
        binding = (
            f"the first test begins after {settings.initial:.0%} of them, and needs {before:,}"
            if learnt >= tested
            else f"the last {1 - settings.initial:.0%} of them are a day for each of the tests"
        )
        raise TiltyardError(
            "DATA_INSUFFICIENT", ", ".join(known),
            f"{(last - first) // step:,} bars from {text_of(first)} to {text_of(last)}, "
            f"{needed:,} needed: {held_out_bars:,} that are held out at the end, "
            f"{settings.hold_out_days:,} days, and {needed - held_out_bars:,} before those: "
            f"{binding}",
            "give a longer range",
        )  # fmt: skip
    tested_until = (last - held_out) // DAY * DAY if held_out else last
    cut = folds(first, tested_until, settings.folds, embargo * step, settings.initial)
    _refuse_holes(data, cut[0], warm_up + FEWEST_ROWS)
    last_test = Fold(first, tested_until - embargo * step, tested_until, last)
    return Plan(cut, last_test if held_out else None)


def _refuse_holes(data: MarketData, fold: Fold, needed: int) -> None:
    """Refuse a past that is long enough, and has hardly any bars to learn from."""
    since, until = fold.train_since, fold.train_until
    counts = {
        symbol: int(((one.closed_at >= since) & (one.closed_at < until)).sum())
        for symbol, one in data.known.items()
    }
    if max(counts.values()) < needed:
        there = ", ".join(f"{symbol} has {count:,}" for symbol, count in counts.items())
        raise TiltyardError(
            "DATA_INSUFFICIENT", ", ".join(counts),
            f"{there} bars from {text_of(since)} to {text_of(until)}, before the first test, and "
            f"{needed:,} of one are needed: the rest is missing, or is no price",
            "look at what was left out of the bars and fetch it anew, or name a range without "
            "that hole",
        )  # fmt: skip


def check_encoder(encoder: Snapshot, data: MarketData, plan: Plan) -> None:
    """Refuse an encoder that has seen a test, or other markets.

    Raises:
        TiltyardError: ``ENCODER_KNOWS_TEST``, ``ENCODER_DIFFERS``.
    """
    known = encoder.lineage.get("data", {})
    until = known.get("until")
    if not isinstance(until, int) or until > plan.encoder_until:
        said = f"bars until {text_of(until)}" if isinstance(until, int) else "nobody knows what"
        raise TiltyardError(
            "ENCODER_KNOWS_TEST", encoder.digest[:8],
            f"it has learnt from {said}, and the first test begins at "
            f"{text_of(plan.folds[0].test_since)}: only what was over by "
            f"{text_of(plan.encoder_until)} may be known to it",
            "name the range that it was trained in (--from, --until): its end is held back alike; "
            "or test on a later one, or let another encoder be trained",
        )  # fmt: skip
    check_markets(encoder, data)


def check_past(data: MarketData, until: int) -> None:
    """Refuse a past of which an encoder that is trained on it would not know every market.

    Args:
        data: The past.
        until: What the encoder learns from must have been over then; seconds since 1970.

    Raises:
        TiltyardError: ``DATA_INSUFFICIENT``.
    """
    candles = list(data.known.values())
    scaler = ChannelScaler.fit(candles, since=data.since, until=until)
    if late := [one for one in candles if one.symbol not in scaler.symbols]:
        begun = ", ".join(f"{one.symbol} from {text_of(int(one.opened_at[0]))}" for one in late)
        raise TiltyardError(
            "DATA_INSUFFICIENT", ", ".join(one.symbol for one in late),
            f"no bars in a row that are over by {text_of(until)}, when an encoder has "
            f"learnt; there are {begun}",
            "leave it out, test on a later range, or give an encoder that knows it",
        )  # fmt: skip


def check_markets(encoder: Snapshot, data: MarketData) -> None:
    """Refuse an encoder of other markets, or of bars of another length.

    Raises:
        TiltyardError: ``ENCODER_DIFFERS``.
    """
    known, step = encoder.lineage.get("data", {}), round(data.interval.total_seconds())
    missing = sorted(data.known.keys() - encoder.scalers.get("channels", {}).keys())
    if missing or known.get("interval_seconds", step) != step:
        facts = f"it was not trained on {', '.join(missing)}" if missing else (
            f"its bars last {known['interval_seconds']:,} s, these {step:,} s"
        )  # fmt: skip
        raise TiltyardError(
            "ENCODER_DIFFERS", encoder.digest[:8], facts,
            "give it the markets that it knows, or let another one be trained",
        )  # fmt: skip
