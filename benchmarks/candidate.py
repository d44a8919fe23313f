"""What a candidate makes of real hours that it did not know, and how long it takes to make one.

python benchmarks/candidate.py --data ../shared/data
"""

import argparse
import resource
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from hours import past
from tiltyard.learners.candidate import CandidateSettings, train_candidate
from tiltyard.learners.job import Job, Step


def show(name: str, told: dict[str, Any]) -> None:
    factor, daily = told["profit_factor"], told["daily_return"]
    print(
        f"{name:14} {told['trades']:6,} trades, in the market {told['time_in_market']:4.0%}, "
        f"profit factor {_number(factor, 2)}, a day {_number(daily, 3, percent=True)}, "
        f"drawdown {told['max_drawdown']:.0%}, funding unknown of {told['funding_unknown']:,}"
    )


def _number(told: dict[str, Any], digits: int, *, percent: bool = False) -> str:
    scale, sign = (100, " %") if percent else (1, "")
    if "undefined" in told:
        return f"undefined ({told['reason']})"
    value = f"{scale * told['value']:.{digits}f}{sign}"
    interval = told["interval"]
    if "undefined" in interval:
        return value
    low, high = (f"{scale * interval[end]:.{digits}f}" for end in ("low", "high"))
    return f"{value} ({low} to {high})"


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--encoder-epochs", type=int, default=4)
    asked.add_argument("--head-epochs", type=int, default=10)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)  # noqa: FBT003 torch's own
    settings = CandidateSettings()
    settings = replace(
        settings,
        encoder=replace(settings.encoder, epochs=given.encoder_epochs),
        head=replace(settings.head, epochs=given.head_epochs),
    )
    stages: dict[str, float] = {}

    def tell(step: Step) -> None:
        stages.setdefault(step.stage, perf_counter())

    data, begun = past(given.data), perf_counter()
    made = train_candidate(settings, data, seed=given.seed, job=Job(tell=tell))
    print(f"{perf_counter() - begun:.0f} s, digest {made.digest[:8]}")
    for stage, at in stages.items():
        print(f"  {at - begun:6.0f} s: {stage}, its first epoch")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB")
    for part in ("walk_forward", "hold_out"):
        told = made.metrics[part]
        print(f"{part}: {told['days']} days")
        show("candidate", told)
        for name, other in told["baselines"].items():
            show(name, other)
            ahead = _number(other["candidate_more_a_day"], 3, percent=True)
            print(f"{'':14} the candidate made more, a day: {ahead}")
    for fold in made.metrics["walk_forward"]["folds"]:
        print(f"fold: profit factor {_number(fold['profit_factor'], 2)}, {fold['trades']:,} trades")


if __name__ == "__main__":
    main()
