"""Archives of snapshots that are written by hand: their digests are the same on every machine."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

CONTENT = b"weights"
Json = Mapping[str, Any]


def written(
    folder: Path, made: str, kind: str, settings: Json | None = None, lineage: Json | None = None,
    metrics: Json | None = None, **changed: object,
) -> Path:  # fmt: skip
    """A snapshot of which the manifest is whole, and the weights are none.

    Args:
        folder: Where snapshots lie.
        made: When, as its name says it.
        kind: Of the snapshot.
        settings: Its own.
        lineage: Where it comes from.
        metrics: How it did.
        changed: What else its manifest says, or says otherwise.
    """
    file = {"bytes": len(CONTENT), "sha256": sha256(CONTENT).hexdigest()}
    told = {
        "format": 1, "kind": kind, "settings": settings or {}, "scalers": {},
        "lineage": lineage or {}, "metrics": metrics or {},
        "files": {"weights.safetensors": file}, **changed,
    }  # fmt: skip
    manifest = json.dumps(told).encode()
    path = folder / f"{kind}_{made}_{sha256(manifest).hexdigest()[:8]}"
    path.mkdir(parents=True)
    (path / "manifest.json").write_bytes(manifest)
    (path / "weights.safetensors").write_bytes(CONTENT)
    return path


def digest_in(path: Path) -> str:
    """Of a snapshot as it lies there."""
    return sha256((path / "manifest.json").read_bytes()).hexdigest()


def sizing(gate: Json, *, partial: bool = False, knows: int = 1_751_760_000) -> dict[str, Json]:
    """What a sizing policy of five seeds says of itself.

    Args:
        gate: What the gate said.
        partial: Its time was up.
        knows: Seconds since 1970 until when it has learnt.
    """
    return {
        "settings": {"symbols": ["BTC/USDT", "SOL/USDT"], "dqn": {"steps": 250_000}},
        "lineage": {
            "data": {"until": knows}, "encoder": {"data": {"until": knows - 3_600}},
            "parents": ["34e07f43" * 8], "seeds": [1, 2, 3, 4, 5],
        },
        "metrics": {"gate": gate, "partial": partial},
    }  # fmt: skip


def gate(state: str, quartile: float | None, *reasons: str, **against: float) -> dict[str, object]:
    """What a gate said."""
    return {
        "state": state, "lower_quartile": quartile, "seeds": 5, "reasons": list(reasons),
        "against": {"flat": 0.0, "buy_and_hold": -0.0017, **against},
    }  # fmt: skip
