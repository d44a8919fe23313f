"""Whether several seeds of a training are worth a trial: even their worse ones have to be better.

A single seed that did well may be luck, so a training is done from several, and judged by the lower
quartile of what they earned a day, in ranges that none of them knew, after all costs. It has to be
above what each of the others made of the same days: doing nothing, holding, the champion. Fewer
than five seeds, or a training whose time was up, say nothing: that is undefined, which is no pass.
So does a network that was never improved. A seed that wants the same whatever the market does has
learnt nothing. It is named, and a training with one does not pass.

The networks serve together, so what they made together has to be above the others, too, and must
not be a constant. A champion has learnt from days of these tests, perhaps: it is compared on days
that are new to it, and where those are few it is not known who is better.

The gate advises. Whoever registers a policy decides, and it begins on probation like any other.

>>> seeds = [Tried(n, daily) for n, daily in enumerate((0.002, 0.001, 0.003, -0.001, 0.002))]
>>> judge(seeds, {"flat": 0.0, "champion": 0.0015}).told
'not passed: the lower quartile of 5 seeds, 0.100 % a day, is not above champion 0.150 %'
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Literal, NamedTuple

import numpy as np

QUANTILE = 0.25
FEWEST_SEEDS = 5
FEWEST_DAYS = 30
"""That a champion does not know, for a comparison with it."""


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


class Rival(NamedTuple):
    """A champion that has learnt, on days that are new to it.

    Attributes:
        daily_return: Mean of a day, a fraction of the capital; None where it is undefined.
        seeds: That of each seed on the same days, likewise.
        days: How many these are.
    """

    daily_return: float | None
    seeds: Sequence[float | None]
    days: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says.

    Attributes:
        state: ``passed``, ``not passed`` or ``undefined``.
        reasons: Why it is no pass; empty for one.
        lower_quartile: Of the seeds' mean daily returns; None where it is undefined.
        seeds: How many there were.
        against: Mean daily return of each of the others, by name; None where it is undefined.
    """

    state: Literal["passed", "not passed", "undefined"]
    reasons: tuple[str, ...]
    lower_quartile: float | None
    seeds: int
    against: Mapping[str, float | None]

    @property
    def told(self) -> str:
        """For people, in a line."""
        if self.state != "passed":
            return f"{self.state}: {'; '.join(self.reasons)}"
        earned = f"the lower quartile of {self.seeds} seeds, {_percent(self.lower_quartile or 0.0)}"
        return f"passed: {earned} a day, is above {_listed(self.against)}"

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
    seeds: Sequence[Tried], against: Mapping[str, float | None], *, champion: Rival | None = None,
    together: Tried | None = None, is_partial: bool = False, untaught: int = 0,
) -> Verdict:  # fmt: skip
    """What is to be said of a training.

    Args:
        seeds: What each came to.
        against: Mean daily return of each of the others in the same days, by name.
        champion: One that has learnt; others are among ``against``.
        together: What all seeds came to together; its number is nobody's.
        is_partial: The time was up before it had learnt all it was to.
        untaught: Networks that were never improved.
    """
    every = {**against} if champion is None else {**against, "champion": champion.daily_return}
    every = {name: one if _is_known(one) else None for name, one in every.items()}
    returns = [one.daily_return for one in seeds]
    unknown = list(_unknown(returns, every, champion, together, untaught))
    if is_partial:
        unknown.append("its time was up before it had learnt all it was to")
    if unknown:
        return Verdict("undefined", tuple(unknown), None, len(seeds), every)
    quartile = _lower(returns)
    reasons = _behind(f"the lower quartile of {len(seeds)} seeds", quartile, against)
    if together is not None:
        reasons += _behind("what all made together", together.daily_return, against)
    if champion is not None:
        days = f"in the {champion.days} days that are new to the champion"
        reasons += _behind(
            f"the lower quartile {days}", _lower(champion.seeds),
            {"champion": champion.daily_return},
        )  # fmt: skip
    reasons += [
        f"seed {one.seed} wants {one.constant} whatever the market does"
        for one in seeds if one.constant is not None
    ]  # fmt: skip
    if together is not None and together.constant is not None:
        reasons.append(f"together they want {together.constant} whatever the market does")
    state: Literal["passed", "not passed"] = "not passed" if reasons else "passed"
    return Verdict(state, tuple(reasons), quartile, len(seeds), every)


def _unknown(
    returns: Sequence[float | None], against: Mapping[str, float | None], champion: Rival | None,
    together: Tried | None, untaught: int,
) -> Iterator[str]:  # fmt: skip
    """What is not known, of which each makes it undefined."""
    if len(returns) < FEWEST_SEEDS:
        plural = "seed" if len(returns) == 1 else "seeds"
        yield f"{len(returns)} {plural}, fewer than {FEWEST_SEEDS}"
    if lacking := sum(not _is_known(one) for one in returns):
        yield f"what {lacking} of the seeds earned is not known"
    if together is not None and not _is_known(together.daily_return):
        yield "what they earned together is not known"
    if champion is not None and champion.days < FEWEST_DAYS:
        days = "day" if champion.days == 1 else "days"
        yield (
            f"{champion.days} tested {days} that the champion has not learnt from, fewer than "
            f"{FEWEST_DAYS}"
        )
        against = {name: one for name, one in against.items() if name != "champion"}
    for name, one in against.items():
        if one is None:
            yield f"what {_called(name)} earned is not known"
    if untaught:
        networks = "network was" if untaught == 1 else "networks were"
        yield f"{untaught} {networks} never improved, as there were too few steps"


def _is_known(number: float | None) -> bool:
    return number is not None and isfinite(number)


def _lower(returns: Sequence[float | None]) -> float:
    """The lower quartile: a return that was earned, and three quarters of the seeds or more did."""
    known = [-inf if one is None else one for one in returns]
    return float(np.quantile(known, QUANTILE, method="inverted_cdf")) + 0.0


def _behind(what: str, earned: float | None, against: Mapping[str, float | None]) -> list[str]:
    """That it is not above some of the others, in a sentence; none where it is above all."""
    number = -inf if earned is None else earned
    ahead = {name: one for name, one in against.items() if one is not None and number <= one}
    return [f"{what}, {_percent(number)} a day, is not above {_listed(ahead)}"] if ahead else []


def _listed(against: Mapping[str, float | None]) -> str:
    return ", ".join(
        f"{_called(name)} {_percent(one)}" for name, one in against.items() if one is not None
    )


def _called(name: str) -> str:
    return name.replace("_", " ")


def _percent(share: float) -> str:
    return f"{100 * share:.3f} %"
