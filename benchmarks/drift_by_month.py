"""How far the markets of 2023 to 2025 lie from those of 2022, as an encoder of 2021 sees them.

    OMP_NUM_THREADS=1 python benchmarks/drift_by_month.py --data FOLDER [--page drift.html]

The folder holds btc_usdt-1h.parquet and sol_usdt-1h.parquet. A small TimesNet learns on 2021, its
baseline is 2022, and at the end of each month after that the windows of the days before it are
compared with the baseline: what a desk would have observed then. ``--kept FOLDER`` keeps the
encoder, so that another number of days can be asked for at once.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.drift import Drift, kl_divergence
from tiltyard.learners.encoder import encoder_from
from tiltyard.learners.job import Job
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.snapshot_folder import load, save
from tiltyard.learners.timesnet import TimesNetSettings, train
from tiltyard.learners.timesnet_snapshot import snapshot_of
from tiltyard.learners.windows import ChannelScaler, windows_of
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import Candles, candles_of
from tiltyard.shell.feeds.files import read_feed
from tiltyard.shell.pictures.file import drawn, page_of, write_whole

Json = dict[str, Any]
SYMBOLS = ("btc_usdt", "sol_usdt")
LIMIT = 0.30
DAY = 86_400
SEED = 7
EPOCHS = 5


class Month(NamedTuple):
    """What a desk would have observed at the end of a month."""

    end: datetime
    reading: Drift | Undefined


def second(year: int, month: int = 1) -> int:
    """When a month begins, seconds since 1970."""
    return round(
        datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC).timestamp()
    )


def learnt(candles: list[Candles], settings: TimesNetSettings, stride: int) -> Snapshot:
    """An encoder of 2021 with the windows of 2022 as its baseline."""
    scaler = ChannelScaler.fit(candles, since=second(2021), until=second(2022))
    range_2021 = {"since": second(2021), "until": second(2022), "stride": stride}
    windows = windows_of(candles, settings.length, scaler, **range_2021)
    baseline = windows_of(
        candles, settings.length, scaler, since=second(2022), until=second(2023), stride=stride
    )
    fitted = train(settings, windows, seed=SEED, job=Job())
    return snapshot_of(
        settings, fitted, baseline, channels=scaler.to_json(), data=range_2021, seed=SEED
    )


def months(
    snapshot: Snapshot, candles: list[Candles], days: int, stride: int
) -> tuple[list[Month], float]:
    """A reading at the end of each month, and the seconds that one took."""
    encoder = encoder_from(snapshot)
    scaler = ChannelScaler.from_json(snapshot.scalers["channels"])
    last = min(int(one.closed_at[-1]) for one in candles)
    windows = windows_of(
        candles, encoder.settings.length, scaler,
        since=second(2023) - days * DAY, until=last + 1, stride=stride,
    )  # fmt: skip
    before: NDArray[np.float32] = encoder.embed(snapshot.arrays["baseline"])
    embedded = encoder.embed(windows.data)
    found, began = [], perf_counter()
    for number in range(36):
        end = second(2023, number + 2)
        if end > last + 1:
            break
        now = (windows.as_of >= end - days * DAY) & (windows.as_of < end)
        reading = kl_divergence(
            before, embedded[now],
            baseline_at=snapshot.arrays["baseline_as_of"], current_at=windows.as_of[now], seed=SEED,
        )  # fmt: skip
        found.append(Month(datetime.fromtimestamp(end, UTC), reading))
    return found, (perf_counter() - began) / len(found)


def table(found: list[Month]) -> str:
    """For people."""
    lines = ["| until | nats | 95 % interval | independent windows | most |", "|---" * 5 + "|"]
    for end, reading in found:
        if isinstance(reading, Undefined):
            lines.append(f"| {end:%Y-%m-%d} | undefined | | {reading.samples} | {reading.reason} |")
            continue
        trips = " **trips**" if reading.low > LIMIT else ""
        lines.append(
            f"| {end:%Y-%m-%d} | {reading.value:.2f}{trips} | {reading.low:.2f} to "
            f"{reading.high:.2f} | {reading.effective_samples:.0f} | {reading.dominant} |"
        )
    return "\n".join(lines)


def figure(found: list[Month]) -> Json:
    """Values with their intervals against the limit."""
    known = [(f"{end:%Y-%m-%d}", one) for end, one in found if isinstance(one, Drift)]
    unknown = [f"{end:%Y-%m-%d}" for end, one in found if isinstance(one, Undefined)]
    read = {
        "type": "scatter", "mode": "markers", "name": "drift with its 95 % interval",
        "x": [end for end, _ in known], "y": [one.value for _, one in known],
        "marker": {"size": 9, "color": "#0072B2"}, "customdata": [one.dominant for _, one in known],
        "hovertemplate": "%{x}: %{y:.2f} nats<br>%{customdata}<extra></extra>",
        "error_y": {
            "type": "data", "symmetric": False, "color": "#808890",
            "array": [one.high - one.value for _, one in known],
            "arrayminus": [one.value - one.low for _, one in known],
        },
    }  # fmt: skip
    unread = {
        "type": "scatter", "mode": "markers", "name": "undefined", "x": unknown,
        "y": [0.0] * len(unknown), "marker": {"symbol": "x", "size": 9, "color": "#808890"},
        "hovertemplate": "%{x}: too few independent windows<extra></extra>",
    }  # fmt: skip
    limit = {
        "type": "scatter", "mode": "lines", "name": "the guard's limit, .30", "hoverinfo": "skip",
        "x": [f"{end:%Y-%m-%d}" for end, _ in (found[0], found[-1])], "y": [LIMIT, LIMIT],
        "line": {"color": "#D03030", "width": 1.5, "dash": "dash"},
    }  # fmt: skip
    layout = {
        "height": 430, "margin": {"t": 40, "l": 60, "r": 20, "b": 50},
        "yaxis": {"title": {"text": "KL(current ‖ baseline), nats"}, "zeroline": True},
        "xaxis": {"title": {"text": "end of the current windows"}},
        "legend": {"orientation": "h", "x": 0.01, "y": 1.1},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
    }  # fmt: skip
    return {"data": [read, unread, limit], "layout": layout}


def main() -> None:
    """The table, and the page if one is asked for."""
    options = argparse.ArgumentParser()
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--length", type=int, default=24)
    options.add_argument("--embedding", type=int, default=16)
    options.add_argument("--stride", type=int, default=3)
    options.add_argument("--epochs", type=int, default=EPOCHS)
    options.add_argument("--days", type=int, nargs="+", default=[90])
    options.add_argument("--page", type=Path)
    options.add_argument("--kept", type=Path)
    asked = options.parse_args()
    torch.use_deterministic_algorithms(mode=True)
    torch.set_num_threads(1)
    feeds = [read_feed(asked.data / f"{symbol}-1h.parquet") for symbol in SYMBOLS]
    candles = [candles_of(feed.bars, HOUR) for feed in feeds]
    settings = TimesNetSettings(length=asked.length, embedding=asked.embedding, epochs=asked.epochs)
    made = f"{asked.length}-{asked.embedding}-{asked.stride}-{asked.epochs}"
    kept = asked.kept / made if asked.kept else None
    began = perf_counter()
    known = sorted(kept.iterdir()) if kept and kept.is_dir() else []
    snapshot = load(known[0]) if known else learnt(candles, settings, asked.stride)
    if kept and not known:
        kept.mkdir(parents=True)
        save(snapshot, kept, datetime.fromtimestamp(second(2023), UTC))
    head = f"Windows of {asked.length} h in {asked.embedding} dimensions"
    print(
        f"{head}, one every {asked.stride} h, {len(snapshot.arrays['baseline']):,} in the baseline"
    )
    losses = " ".join(f"{loss:.3f}" for loss in snapshot.metrics["valid"])
    print(f"losses on the last tenth of 2021: {losses}; {perf_counter() - began:.0f} s")
    for days in asked.days:
        found, seconds = months(snapshot, candles, days, asked.stride)
        known = [one.reading for one in found if isinstance(one.reading, Drift)]
        trip = sum(one.low > LIMIT for one in known)
        print(f"\n{days} days: {len(known)} of {len(found)} months defined, {trip} trip, ", end="")
        print(f"{seconds:.2f} s a reading\n\n{table(found)}", flush=True)
    if asked.page:
        title = (
            f"<h1>Drift by month</h1><p>{head}, the last {asked.days[-1]} days against 2022.</p>"
        )
        write_whole(asked.page, page_of([title, drawn(figure(found))]))


if __name__ == "__main__":
    main()
