"""Whether several seeds of a training are worth a trial: even their worse ones have to be better.

A single seed that did well may be luck, so a training is done from several, and judged by the lower
quartile of what they earned a day, in ranges that none of them knew, after all costs. It has to be
above what each of the others made of the same days: doing nothing, holding, the champion. Fewer
than five seeds, or a training whose time was up, say nothing: that is undefined, which is no pass.
A seed that wants the same whatever the market does has learnt nothing. It is named, and a training
with one does not pass.

The gate advises. Whoever registers a policy decides, and it begins on probation like any other.

>>> seeds = [Tried(n, daily) for n, daily in enumerate((0.002, 0.001, 0.003, -0.001, 0.002))]
>>> judge(seeds, {"flat": 0.0, "champion": 0.0015}).told
'not passed: the lower quartile of 5 seeds, 0.100 % a day, is not above champion 0.150 %'
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, NamedTuple

import numpy as np

QUANTILE = 0.25
FEWEST_SEEDS = 5


class Tried(NamedTuple):
    """What a seed came to in ranges that it did not know.

    Attributes:
        seed: Of the training.
        daily_return: Mean of a day, a fraction of the capital; None where it is undefined.
        constant: What it wanted nearly always; None for one that decides.
    """

    seed: int
    daily_return: float | None
    constant: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says.

    Attributes:
        state: ``passed``, ``not passed`` or ``undefined``.
        reasons: Why it is no pass; empty for one.
        lower_quartile: Of the seeds' mean daily returns; None where it is undefined.
        seeds: How many there were.
        against: Mean daily return of each of the others, by name.
    """

    state: Literal["passed", "not passed", "undefined"]
    reasons: tuple[str, ...]
    lower_quartile: float | None
    seeds: int
    against: Mapping[str, float]

    @property
    def told(self) -> str:
        """For people, in a line."""
        if self.state != "passed":
            return f"{self.state}: {'; '.join(self.reasons)}"
        earned = _quartile(self.seeds, self.lower_quartile or 0.0)
        return f"passed: {earned}, is above {_listed(self.against)}"

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Verdict":
        """As :meth:`to_json` tells it."""
        return cls(
            told["state"], tuple(told["reasons"]), told["lower_quartile"], told["seeds"],
            told["against"],
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """For a snapshot's metrics."""
        return {
            "state": self.state, "reasons": list(self.reasons), "seeds": self.seeds,
            "lower_quartile": self.lower_quartile, "against": dict(self.against),
        }  # fmt: skip


def judge(
    seeds: Sequence[Tried], against: Mapping[str, float], *, is_partial: bool = False
) -> Verdict:
    """What is to be said of a training.

    Args:
        seeds: What each came to.
        against: Mean daily return of each of the others in the same days, by name.
        is_partial: The time was up before it had learnt all it was to.
    """
    returns = [one.daily_return for one in seeds]
    known = [one for one in returns if one is not None and isfinite(one)]
    unknown = []
    if len(seeds) < FEWEST_SEEDS:
        plural = "seed" if len(seeds) == 1 else "seeds"
        unknown.append(f"{len(seeds)} {plural}, fewer than {FEWEST_SEEDS}")
    if len(known) < len(seeds):
        unknown.append(f"what {len(seeds) - len(known)} of the seeds earned is not known")
    unknown += [
        f"what {_called(name)} earned is not known"
        for name, one in against.items()
        if not isfinite(one)
    ]
    if is_partial:
        unknown.append("its time was up before it had learnt all it was to")
    if unknown:
        return Verdict("undefined", tuple(unknown), None, len(seeds), against)
    quartile = float(np.quantile(known, QUANTILE))
    ahead = {name: one for name, one in against.items() if quartile <= one}
    reasons = [f"{_quartile(len(seeds), quartile)}, is not above {_listed(ahead)}"] if ahead else []
    reasons += [
        f"seed {one.seed} wants {one.constant} whatever the market does"
        for one in seeds if one.constant is not None
    ]  # fmt: skip
    state: Literal["passed", "not passed"] = "not passed" if reasons else "passed"
    return Verdict(state, tuple(reasons), quartile, len(seeds), against)


def _quartile(seeds: int, quartile: float) -> str:
    return f"the lower quartile of {seeds} seeds, {_percent(quartile)} a day"


def _listed(against: Mapping[str, float]) -> str:
    return ", ".join(f"{_called(name)} {_percent(one)}" for name, one in against.items())


def _called(name: str) -> str:
    return name.replace("_", " ")


def _percent(share: float) -> str:
    return f"{100 * share:.3f} %"
