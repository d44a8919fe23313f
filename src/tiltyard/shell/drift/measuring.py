"""Measuring how far one policy's encoder has drifted, from the files of its snapshot and of bars.

It imports torch, reads some thousand bars of each symbol, and embeds as many windows: seconds.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.undefined import Undefined
from tiltyard.shell.drift.embedded import embedded_baseline
from tiltyard.shell.drift.task import DEFINED, NO_ENCODER, Measured, Task
from tiltyard.shell.extra_learn import extra_missing
from tiltyard.shell.feeds.files import interval_text, read_feed
from tiltyard.shell.feeds.folder import named_files
from tiltyard.shell.models.loading import checked_snapshot, found_snapshot
from tiltyard.shell.models.shelf import Shelf

if TYPE_CHECKING:
    from tiltyard.learners.snapshot import Snapshot
    from tiltyard.market.candles import Candles

BASELINE = {"baseline", "baseline_as_of", "baseline_symbol"}
"""Arrays of a snapshot: its windows, when each was known, and of which symbol it is."""


def measure(task: Task) -> Measured:
    """How far it has drifted, or why nobody can say.

    Raises:
        TiltyardError: ``ENCODER_MISSING``, ``EMBEDDING_INVALID``; ``SNAPSHOT_MISSING`` and its
            like; ``EXTRA_MISSING``; ``FEED_UNREADABLE`` and its like.
    """
    try:
        return _measured(task)
    except ModuleNotFoundError as error:
        raise extra_missing(error) from error


def _measured(task: Task) -> Measured:
    path = found_snapshot(Shelf(task.models), task.policy, task.digest)
    snapshot = checked_snapshot(path, task.digest)
    told = snapshot.settings
    if not told.get("encoder") or not snapshot.arrays.keys() >= BASELINE:
        raise TiltyardError(
            NO_ENCODER, task.policy, "its snapshot has no encoder with a baseline, so nothing of "
            "it can drift",
        )  # fmt: skip
    interval = timedelta(seconds=told["interval_seconds"])
    candles = _candles(snapshot, task, interval)
    if not candles:
        symbols = ", ".join(told["symbols"])
        return Measured(
            task.policy, "unobserved",
            f"no bars of {interval_text(interval)} of {symbols} in {task.bars}",
        )  # fmt: skip
    from tiltyard.learners.drift_of_snapshot import Lately  # noqa: PLC0415 slow
    from tiltyard.learners.encoder import encoder_from  # noqa: PLC0415 slow

    encoder = encoder_from(snapshot)
    baseline = embedded_baseline(snapshot, encoder, task.models)
    now = int(task.now.timestamp())
    found = Lately(
        snapshot, encoder, baseline, candles, span=task.span, since=now, until=now
    ).drift(now)
    as_of = datetime.fromtimestamp(found.as_of, UTC) if found.as_of else None
    drift = found.drift
    if isinstance(drift, Undefined):
        return Measured(task.policy, drift.state, drift.reason, as_of)
    return Measured(
        task.policy, DEFINED, "", as_of, drift.value, drift.low, drift.high,
        drift.effective_samples, drift.windows, drift.dominant,
    )  # fmt: skip


def _candles(snapshot: "Snapshot", task: Task, interval: timedelta) -> list["Candles"]:
    """The last bars of every symbol that it was trained on and that is there."""
    from tiltyard.market.candles import candles_of  # noqa: PLC0415 slow

    needed = task.span // interval + int(snapshot.settings["encoder"]["length"]) + 1
    symbols = set(snapshot.settings["symbols"])
    found: dict[str, Path] = {}
    for file, name in named_files(task.bars).items():
        if name.symbol in symbols and name.interval == interval:
            found.setdefault(name.symbol, file)
    feeds = [read_feed(file, last=needed) for file in found.values()]
    return [candles_of(feed.bars, interval) for feed in feeds if feed.bars]
