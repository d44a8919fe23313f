"""What networks are fitted on, and what came of it, as bytes: for whoever fits them elsewhere.

Machines that share no disk are given all that a fit needs, and give back all that came of it. What
is unpacked gives the same bits as what was packed. Nothing is pickled: arrays are safetensors, all
else is JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltyard.learners.dqn import DqnSettings, Logged
from tiltyard.learners.environment import Rules
from tiltyard.learners.examples import Rows
from tiltyard.learners.job import as_safetensors, from_safetensors
from tiltyard.learners.replay import Replay, Transitions
from tiltyard.learners.seeds import Lessons, SeedFit
from tiltyard.learners.tracks import BAR, FUNDED, Tracks

Arrays = Mapping[str, NDArray[Any]]
ROWS = ("x", "moves", "volatility", "as_of", "symbol", "number")


def pack_lessons(lessons: Lessons) -> bytes:
    """What all fits of a retraining have in common."""
    rows, tracks, logged = lessons.rows, lessons.tracks, lessons.logged
    arrays = {f"rows {name}": getattr(rows, name) for name in ROWS}
    arrays |= {f"ranges {symbol}": one for symbol, one in rows.ranges.items()}
    arrays["opened_at"] = tracks.opened_at
    arrays |= {f"bars {name}": tracks.bars[name] for name in BAR.names or ()}
    arrays |= {f"funding {name}": tracks.funding[name] for name in FUNDED.names or ()}
    told: dict[str, Any] = {
        "settings": asdict(lessons.settings), "rules": asdict(lessons.rules),
        "rows": [rows.symbols, rows.names, list(rows.ranges)],
        "tracks": [tracks.symbols, tracks.begins, tracks.step], "window": lessons.window,
        "valid": lessons.valid, "embargo": lessons.embargo, "encoder": lessons.encoder,
        "data": lessons.data, "logged": None,
    }  # fmt: skip
    if logged is not None:
        count, columns = len(logged.replay), logged.replay.columns._asdict()
        arrays |= {f"logged {name}": one[:count] for name, one in columns.items()}
        told["logged"] = [logged.share, logged.replay.policies, logged.replay.encoders]
    return as_safetensors(arrays, {"told": json.dumps(told)})


def unpack_lessons(raw: bytes, folder: Path) -> Lessons:
    """What :func:`pack_lessons` packed.

    Args:
        raw: The bytes.
        folder: For what others met, a buffer on disk.

    Raises:
        TiltyardError: ``CHECKPOINT_UNWRITABLE``.
    """
    arrays, said = from_safetensors(raw)
    told = json.loads(said["told"])
    symbols, names, ranged = told["rows"]
    rows = Rows(
        **{name: arrays[f"rows {name}"] for name in ROWS}, symbols=tuple(symbols),
        names=tuple(names), ranges={symbol: arrays[f"ranges {symbol}"] for symbol in ranged},
    )  # fmt: skip
    markets, begins, step = told["tracks"]
    tracks = Tracks(
        tuple(markets), tuple(begins), arrays["opened_at"], step,
        _side_by_side(arrays, "bars", BAR), _side_by_side(arrays, "funding", FUNDED),
    )  # fmt: skip
    settings = {**told["settings"], "layers": tuple(told["settings"]["layers"])}
    return Lessons(
        DqnSettings(**settings), Rules(**told["rules"]), rows, tracks, told["window"],
        told["valid"], told["embargo"], told["encoder"], told["data"],
        _logged(arrays, told["logged"], folder),
    )  # fmt: skip


def pack_fit(fit: SeedFit) -> bytes:
    """A network that was fitted."""
    told = {
        "seed": fit.seed, "history": fit.history, "scaler": fit.scaler, "partial": fit.is_partial,
    }  # fmt: skip
    return as_safetensors(fit.weights, {"told": json.dumps(told)})


def unpack_fit(raw: bytes) -> SeedFit:
    """What :func:`pack_fit` packed."""
    weights, said = from_safetensors(raw)
    told = json.loads(said["told"])
    return SeedFit(told["seed"], weights, told["history"], told["scaler"], told["partial"])


def _side_by_side(arrays: Arrays, what: str, kind: np.dtype[np.void]) -> NDArray[np.void]:
    names = kind.names or ()
    made = np.zeros(len(arrays[f"{what} {names[0]}"]), kind)
    for name in names:
        made[name] = arrays[f"{what} {name}"]
    return made


def _logged(arrays: Arrays, told: list[Any] | None, folder: Path) -> Logged | None:
    if told is None:
        return None
    share, policies, encoders = told
    met = Transitions(*(arrays[f"logged {name}"] for name in Transitions._fields))
    replay = Replay.create(folder, len(met.row), policies=policies, encoders=encoders)
    replay.append(met)
    replay.commit()
    return Logged(replay, share)
