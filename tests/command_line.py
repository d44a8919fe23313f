"""What the end-to-end tests share: the known policy, the checkout, and what a run gives."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
POLICY = "reinforcement_20250707_154526_eee02a74"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]
