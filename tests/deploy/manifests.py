"""The files of ``deploy/``, read."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"


def read(path: Path) -> Any:  # noqa: ANN401 whatever it holds
    """A file of YAML."""
    return yaml.safe_load(path.read_text("utf-8"))


def texts_in(value: object) -> Iterator[str]:
    """Every text in it, keys included."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield str(key)
            yield from texts_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts_in(one)
    elif isinstance(value, str):
        yield value
