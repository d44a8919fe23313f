"""An encoder as a snapshot, and one that has gone on learning from recent windows.

A refreshed encoder is another snapshot, with its parent in its lineage: drift goes on being
measured from the windows that the parent was trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import tiltyard
from tiltyard.learners.encoder import KIND, settings_from
from tiltyard.learners.job import Job
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.timesnet import Fitted, train
from tiltyard.learners.timesnet_network import Array, TimesNetSettings
from tiltyard.learners.windows import Windows

Json = Mapping[str, Any]


def snapshot_of(
    settings: TimesNetSettings, fitted: Fitted, baseline: Windows, *,
    channels: Json, data: Json, seed: int, parents: Sequence[str] = (),
) -> Snapshot:  # fmt: skip
    """An encoder as a snapshot.

    Args:
        settings: By which it was trained.
        fitted: What came of it.
        baseline: Windows that drift is measured from.
        channels: The scaler of each symbol.
        data: What it was trained on.
        seed: With which.
        parents: Digests of what it was made from.
    """
    arrays: dict[str, Array] = {
        "baseline": baseline.data[:, : settings.length],
        "baseline_as_of": baseline.as_of,
        "baseline_symbol": baseline.symbol,
        "periods": settings.steps // fitted.weights["frequencies"],
    }
    told = {"encoder": asdict(settings), "symbols": list(baseline.symbols)}
    lineage = _lineage(data, parents, seed)
    return Snapshot(
        KIND, fitted.weights, arrays, told, {"channels": channels}, lineage, fitted.history
    )


def refresh(
    snapshot: Snapshot, windows: Windows, *, data: Json, seed: int, job: Job, epochs: int = 10
) -> Snapshot:
    """An encoder that has gone on learning from recent windows, at a tenth of the rate.

    Its frequencies, scalers and baseline windows are those of its parent. A few weeks say less
    about periods than what its kernels were trained on; and drift is measured by one encoder, so
    whoever measures it embeds the same baseline windows by the new one. Where no epoch does better
    than the parent on the last tenth of the windows, the weights stay the parent's.

    Args:
        snapshot: Of kind ``timesnet``.
        windows: Standardised by its scalers.
        data: What they are; when the lineage says until when it knows, its parent's days count.
        seed: Of all that is drawn.
        job: As in :func:`tiltyard.learners.timesnet.train`.
        epochs: Times that all windows are learnt from.
    """
    settings = settings_from(snapshot)
    gentle = replace(settings, epochs=epochs, rate=settings.rate / 10, halved_from=0)
    fitted = train(gentle, windows, seed=seed, job=job, weights=snapshot.weights)
    lineage = _lineage(_with_parent(data, snapshot.lineage), [snapshot.digest], seed)
    return replace(snapshot, weights=fitted.weights, lineage=lineage, metrics=fitted.history)


def _with_parent(data: Json, parent: Json) -> Json:
    """What was learnt from; it ends no earlier than what the parent has learnt from.

    Where nobody knows when that ended, nobody knows when this does.
    """
    ends = [told["until"] for told in (data, parent.get("data", {})) if "until" in told]
    known = {"until": max(ends)} if len(ends) == 2 else {}  # noqa: PLR2004 its own and the parent's
    return {name: one for name, one in data.items() if name != "until"} | known


def _lineage(data: Json, parents: Sequence[str], seed: int) -> Json:
    return {
        "data": dict(data), "parents": list(parents), "code": tiltyard.__version__, "seed": seed,
    }  # fmt: skip
