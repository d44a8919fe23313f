"""A snapshot: what was trained, with where it comes from, as bytes that nobody changes.

They are a manifest (JSON), weights (safetensors) and arrays (npy); nothing in them is code. The
SHA-256 of the manifest, which holds those of all other files, is its *digest*: the same training
gives the same digest, whenever it was run. Where they lie, and how they are checked, is
:mod:`~tiltyard.learners.snapshot_folder`.

>>> import numpy as np
>>> made = Snapshot("timesnet", weights={"bias": np.zeros(2, np.float32)}, settings={"layers": 2})
>>> made.digest == Snapshot("timesnet", {"bias": np.zeros(2, np.float32)}, {}, {"layers": 2}).digest
True
>>> snapshot_from(json.loads(made.manifest(made.files())), made.files()).digest == made.digest
True
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as tensors_from
from safetensors.numpy import save as tensors_to

PARTS = ("settings", "scalers", "lineage", "metrics")
WEIGHTS = "weights.safetensors"
FORMAT = 1

Arrays = Mapping[str, NDArray[Any]]
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What was trained; never modified.

    Attributes:
        kind: ``timesnet``, ``tabnet`` …
        weights: Of its networks, by name.
        arrays: What else it needs, by name: baseline windows and the like.
        settings: By which it was trained, and is built again.
        scalers: Fitted on the training range.
        lineage: Data range, parents by digest, code version, seed.
        metrics: How it did; None where that is not known.
    """

    kind: str
    weights: Arrays = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)
    settings: Json = field(default_factory=dict)
    scalers: Json = field(default_factory=dict)
    lineage: Json = field(default_factory=dict)
    metrics: Json = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of all of it, 64 hexadecimal digits."""
        return digest_of(self.manifest(self.files()))

    def part(self, name: str) -> dict[str, NDArray[Any]]:
        """The weights of one of its networks, called as they are there: ``encoder``, ``head``."""
        own = f"{name}."
        return {
            weight.removeprefix(own): array
            for weight, array in self.weights.items()
            if weight.startswith(own)
        }

    def files(self) -> dict[str, bytes]:
        """Its weights and arrays, by the name of the file that holds them."""
        files = {WEIGHTS: tensors_to({name: _plain(one) for name, one in self.weights.items()})}
        for name, array in sorted(self.arrays.items()):
            if not is_name(name):
                raise ValueError(f"no file can be called {name!r}")  # noqa: TRY003 a slip of ours
            files[f"{name}.npy"] = _npy(array)
        return files

    def manifest(self, files: Mapping[str, bytes]) -> bytes:
        """Everything else, and what each file is.

        Args:
            files: As :meth:`files` gives them.
        """
        told = {
            "format": FORMAT,
            "kind": self.kind,
            **{part: getattr(self, part) for part in PARTS},
            "files": {
                name: {"bytes": len(content), "sha256": sha256(content).hexdigest()}
                for name, content in sorted(files.items())
            },
        }
        return json.dumps(told, sort_keys=True, indent=1, allow_nan=False).encode() + b"\n"


def snapshot_from(manifest: Json, files: Mapping[str, bytes]) -> Snapshot:
    """The inverse of :meth:`Snapshot.manifest` and :meth:`Snapshot.files`.

    Args:
        manifest: As JSON tells it.
        files: Those that it names.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, SafetensorError: They are no snapshot.
    """
    weights = tensors_from(files[WEIGHTS])
    arrays = {
        name.removesuffix(".npy"): _array(raw) for name, raw in files.items() if name != WEIGHTS
    }
    parts = {part: dict(manifest[part]) for part in PARTS}
    return Snapshot(_text(manifest["kind"]), weights, arrays, **parts)


def digest_of(manifest: bytes) -> str:
    """SHA-256 of a manifest, 64 hexadecimal digits."""
    return sha256(manifest).hexdigest()


def is_name(name: str) -> bool:
    """Whether a file of a snapshot can be called so."""
    return Path(name).name == name and not name.startswith(".")


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array, order="C")  # a number stays one: ascontiguousarray makes it a row


def _npy(array: NDArray[Any]) -> bytes:
    out = BytesIO()
    np.save(out, _plain(array), allow_pickle=False)
    return out.getvalue()


def _array(raw: bytes) -> NDArray[Any]:
    """An array whose header says no more than there is: memory is taken by what it says."""
    stream = BytesIO(raw)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"npy of version {version}")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE
    try:
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    except Exception as error:  # a header is parsed as Python, which fails in many ways
        raise ValueError(f"a header that is none: {error}") from error  # noqa: TRY003 as above
    told, there = prod(shape) * dtype.itemsize, len(raw) - stream.tell()
    if dtype.hasobject or told != there:
        raise ValueError(f"an array of {told:,} bytes in {there:,}")  # noqa: TRY003 as above
    array: NDArray[Any] = np.load(BytesIO(raw), allow_pickle=False)
    return array


def _text(kind: str) -> str:
    if not isinstance(kind, str):
        raise TypeError(f"kind {kind!r}")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE
    return kind
