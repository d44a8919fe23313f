"""Train a small policy on hours of a market that never was, in some seconds.

    python examples/small_candidate.py models

Stands for ``tiltyard train tabnet``, which takes real bars and its time: this one knows nothing
that is worth knowing, and is always in the market.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from tiltyard.learners.acting import Acting
from tiltyard.learners.candidate import CandidateSettings, train_candidate
from tiltyard.learners.examples import MarketData
from tiltyard.learners.head import TabNetSettings
from tiltyard.learners.job import Job
from tiltyard.learners.snapshot_folder import save
from tiltyard.learners.timesnet import TimesNetSettings
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import candles_of
from tiltyard.market.simulated import DEFAULT, simulated_hours

HOURS, SEED = 1_500, 20250707
SYMBOL = "SOL/USDT"
SETTINGS = CandidateSettings(
    encoder=TimesNetSettings(
        length=8, d_model=4, d_ff=4, layers=1, kernels=2, embedding=2, epochs=1
    ),
    head=TabNetSettings(0, 5, n_d=4, n_a=4, steps=1, epochs=3, batch=512),
    features=("return_4", "volume_ratio_24"),
    acting=Acting(margin=0.0),
    folds=1,
    hold_out_days=0,
)


def main(folder: Path) -> None:
    """Write a snapshot there, and say its name."""
    torch.set_num_threads(1)  # it is so small that a second one would only be waited for
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)  # noqa: TID251 a script has the clock
    hours = simulated_hours(DEFAULT, now - HOURS * HOUR, HOURS, np.random.default_rng(SEED))
    data = MarketData({SYMBOL: candles_of([bars[SYMBOL] for bars in hours], HOUR)})
    made = train_candidate(SETTINGS, data, seed=SEED, job=Job())
    print(save(made, folder, now).name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
