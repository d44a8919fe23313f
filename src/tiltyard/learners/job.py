"""A training as a job: whom it tells how far it is, when it has to end, where it can go on.

A learner is given a :class:`Job` by whoever runs it, and asks nothing else of the outside. Work
that is not finished is kept as a *checkpoint*, which appears whole or not at all, under the key of
what is being trained: data, settings, seed and code. Who trains the same again goes on from there,
to the same result as one that was never interrupted; who trains something else begins anew.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as tensors_from
from safetensors.numpy import save as tensors_to

import tiltyard
from tiltyard.kernel.errors import TiltyardError

DIGEST = 32
"""Bytes of the SHA-256 before what is kept: half of a file may look like a whole one."""


class Step(NamedTuple):
    """How far a training is.

    Attributes:
        stage: What is being done: ``encoder``, ``head, fold 2 of 4`` …
        done: Samples that have been learnt from in this stage.
        of: Samples in all of this stage.
        numbers: What is known meanwhile, by name: ``loss`` …
        after: Samples of the stages like this one that still come after it.
    """

    stage: str
    done: int
    of: int
    numbers: Mapping[str, float] = {}
    after: int = 0


class Checkpoint(NamedTuple):
    """Unfinished work.

    Attributes:
        tensors: Weights, moments and the like, by name.
        told: Whatever else there is to know; JSON.
    """

    tensors: Mapping[str, NDArray[Any]]
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """What a training is given by whoever runs it.

    Attributes:
        tell: Told each step.
        is_over: Whether the time that it was given is spent; asked between two epochs, or batches.
        folder: Where unfinished work is kept; None keeps none.
        device: ``cpu``, ``cuda`` …
        saved: Called when unfinished work has been kept.
    """

    tell: Callable[[Step], object] = lambda _: None
    is_over: Callable[[], bool] = lambda: False
    folder: Path | None = None
    device: str = "cpu"
    saved: Callable[[], object] = lambda: None

    def keep(self, key: str, checkpoint: Checkpoint) -> None:
        """Keep unfinished work, in place of what was kept under this key before.

        Raises:
            TiltyardError: ``CHECKPOINT_UNWRITABLE``.
        """
        file = self._file(key)
        if file is None:
            return
        told = json.dumps(checkpoint.told, sort_keys=True, allow_nan=False)
        raw = as_safetensors(checkpoint.tensors, {"key": key, "told": told})
        write_whole(file, sha256(raw).digest() + raw)
        self.saved()

    def kept(self, key: str) -> Checkpoint | None:
        """What was kept under a key; None where nothing is, or nothing that can be read."""
        file = self._file(key)
        if file is None or not file.is_file():
            return None
        try:
            raw = file.read_bytes()
            checked, raw = raw[:DIGEST], raw[DIGEST:]
            if sha256(raw).digest() != checked:
                return None
            tensors, told = from_safetensors(raw)
            return Checkpoint(tensors, json.loads(told["told"])) if told["key"] == key else None
        except (OSError, SafetensorError, ValueError, KeyError):
            return None

    def _file(self, key: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{key[:16]}.checkpoint"


def as_safetensors(tensors: Mapping[str, NDArray[Any]], told: Mapping[str, str]) -> bytes:
    """Arrays, and texts beside them, as bytes."""
    whole = {name: np.asarray(one, order="C") for name, one in tensors.items()}
    return tensors_to(whole, metadata=dict(told))


def from_safetensors(raw: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """What :func:`as_safetensors` made bytes of."""
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return tensors_from(raw), header["__metadata__"]


def write_whole(file: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all.

    Raises:
        TiltyardError: ``CHECKPOINT_UNWRITABLE``.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        partial.replace(file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise TiltyardError(
            "CHECKPOINT_UNWRITABLE", str(file), error.strerror or str(error),
            "what was kept before is still there",
        ) from error  # fmt: skip


def job_key(*parts: Any) -> str:  # noqa: ANN401 whatever can be told as JSON, and arrays
    """What is being trained, as 64 hexadecimal digits: the same data, settings and seed.

    Work of another version of this program is another work.

    >>> job_key("timesnet", {"layers": 2}, 7) == job_key("timesnet", {"layers": 2}, 7)
    True
    """
    digest = sha256(f"{tiltyard.__version__}\0".encode())
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(json.dumps(part, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()
