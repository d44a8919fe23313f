"""Encoders of candidates: trained on a past up to a test, refreshed, and taken out of a candidate.

What an encoder has learnt from, and until when, is in its lineage; a refreshed one has learnt from
all that its parent did. By that it is refused where it would be tested on what it knows.
"""

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners import timesnet, timesnet_snapshot
from tiltyard.learners.encoder import KIND, settings_from
from tiltyard.learners.examples import MarketData
from tiltyard.learners.job import Job
from tiltyard.learners.plan import CandidateSettings, check_markets, check_past, plan_of
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.walk_forward import DAY
from tiltyard.learners.windows import ChannelScaler, windows_of

OF_ENCODER = ("baseline", "periods")
"""How the names of an encoder's arrays begin."""


def train_encoder(
    settings: CandidateSettings, data: MarketData, *, seed: int, job: Job
) -> Snapshot:
    """An encoder that knows nothing from the first test on.

    Raises:
        TiltyardError: As :func:`train_candidate`.
    """
    until = plan_of(settings, data).encoder_until
    check_past(data, until)
    candles = list(data.known.values())
    scaler = ChannelScaler.fit(candles, since=data.since, until=until)
    length = settings.encoder.length
    windows = windows_of(
        candles, length, scaler, since=data.since, until=until, stride=settings.stride
    )
    fitted = timesnet.train(settings.encoder, windows, seed=seed, job=job)
    baseline = windows_of(
        candles, length, scaler, since=until - settings.baseline_days * DAY, until=until,
        stride=settings.baseline_stride(data.interval),
    )  # fmt: skip
    return timesnet_snapshot.snapshot_of(
        settings.encoder, fitted, baseline, channels=scaler.to_json(),
        data=data.told(until), seed=seed,
    )  # fmt: skip


def refresh_encoder(
    settings: CandidateSettings, data: MarketData, before: Snapshot, *, until: int,
    since: int | None = None, seed: int, job: Job, epochs: int,
) -> Snapshot:  # fmt: skip
    """An encoder that has gone on learning.

    Args:
        settings: How often a window is taken.
        data: The past, of markets that it knows.
        before: The encoder.
        until: What it learns from must have been over then; seconds since 1970.
        since: It learns from bars that opened then or later; None for all of the past.
        seed: Of all that is drawn.
        job: Who is told, and where unfinished work is kept.
        epochs: Times that all windows are learnt from.

    Raises:
        TiltyardError: ``ENCODER_DIFFERS``, ``ENCODER_KNOWS_TEST`` where nobody knows what it
            knows, ``DATA_INSUFFICIENT``, ``TRAINING_DIVERGED``, ``CHECKPOINT_UNWRITABLE``.
    """
    check_markets(before, data)
    if not isinstance(before.lineage.get("data", {}).get("until"), int):
        raise TiltyardError(
            "ENCODER_KNOWS_TEST", before.digest[:8],
            "nobody knows until when it has learnt, so nothing that goes on from it can be tested",
            "let an encoder be trained anew",
        )  # fmt: skip
    length, step = settings_from(before).length, round(data.interval.total_seconds())
    first = data.since if since is None else since + (length + 1) * step
    windows = windows_of(
        list(data.known.values()), length, ChannelScaler.from_json(before.scalers["channels"]),
        since=first, until=until, stride=settings.stride,
    )  # fmt: skip
    told = data.told(until, since)
    return timesnet_snapshot.refresh(before, windows, data=told, seed=seed, job=job, epochs=epochs)


def encoder_in(snapshot: Snapshot) -> Snapshot:
    """The encoder that a candidate was made with, as a snapshot of its own."""
    return Snapshot(
        KIND, snapshot.part("encoder"),
        {name: one for name, one in snapshot.arrays.items() if name.startswith(OF_ENCODER)},
        {"encoder": snapshot.settings["encoder"], "symbols": snapshot.settings["symbols"]},
        {"channels": snapshot.scalers["channels"]},
        snapshot.lineage["encoder"], snapshot.metrics["encoder"],
    )  # fmt: skip
