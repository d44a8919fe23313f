"""How many decisions a second the market to learn in plays, against an environment of others.

    python benchmarks/environment.py --data FOLDER

The folder holds hours and funding of SOL and BTC. Players want something by chance at every bar,
which is the most work, or now and then, as one who has learnt something does. The peer is
gym-anytrading (`pip install --group peers`): one symbol, long or not, no funding, one player.
stable-baselines3 then learns for a while, which says that it can. Steps are per second of a core,
the best of several turns.

Ends with 1 where 1,024 players are below ten million steps a second.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltyard.learners.as_gymnasium import ManyPlayers, OnePlayer
from tiltyard.learners.environment import Environment, Rules, prepare
from tiltyard.learners.examples import Rows
from tiltyard.learners.playing import POSITIONS
from tiltyard.learners.tracks import Tracks, tracks_of
from tiltyard.market.candles import Candles, candles_of
from tiltyard.shell.feeds.files import read_feed, read_funding

BUDGET = 10_000_000
INPUTS, WARM = 20, 169
TURNS = 7
RULES = Rules(turnover=1e-4, drawdown=0.1)


def market(data: Path) -> tuple[dict[str, Candles], Tracks, NDArray[np.float32]]:
    feeds = [read_feed(data / f"{symbol}_usdt-1h.parquet") for symbol in ("btc", "sol")]
    candles = {feed.bars[0].symbol: candles_of(feed.bars, feed.interval) for feed in feeds}
    funding = {
        symbol: read_funding(data / f"{symbol[:3].lower()}_usdt-funding.parquet")
        for symbol in candles
    }
    known = sorted(
        (int(at), place, number)
        for place, one in enumerate(candles.values())
        for number, at in enumerate(one.closed_at)
        if number >= WARM
    )
    as_of, symbol, number = np.array(known).T
    x = np.random.default_rng(1).uniform(-5, 5, (len(known), INPUTS)).astype(np.float32)
    nothing, names = np.zeros(len(known)), tuple(f"feature_{n}" for n in range(INPUTS))
    rows = Rows(x, nothing, nothing, as_of, symbol, number, tuple(candles), names, {})
    return candles, tracks_of(candles, rows, funding), x


def wanted(count: int, share: float) -> list[NDArray[np.int64]]:
    """What players want, bar by bar; so many of them something else than before."""
    rng = np.random.default_rng(2)
    actions = [rng.integers(len(POSITIONS), size=count)]
    for _ in range(999):
        changes = rng.random(count) < share
        other = rng.integers(len(POSITIONS), size=count)
        actions.append(np.where(changes, other, actions[-1]))
    return actions


def rate(step: Callable[[Any], object], actions: list[Any], players: int) -> float:
    """Steps of a player by second of a core."""
    took = []
    for _ in range(TURNS):
        began = time.process_time()
        for one in actions:
            step(one)
        took.append(time.process_time() - began)
    return len(actions) * players / min(took)


def tell(what: str, steps: float, than: float | None = None) -> None:
    times = f"{steps / than:>10.1f} times" if than else ""
    print(f"{what:<58}{steps:>14,.0f} steps/s{times}", flush=True)


def peer(candles: Candles) -> float | None:
    """One player of gym-anytrading in the same hours."""
    try:
        import pandas as pd  # noqa: PLC0415 a peer
        from gym_anytrading.envs import StocksEnv  # noqa: PLC0415 a peer
    except ImportError:
        print("gym-anytrading is not installed: pip install --group peers")
        return None
    frame = pd.DataFrame({"Close": candles.close})
    env = StocksEnv(frame, window_size=1, frame_bound=(1, len(frame)))

    def step(action: int) -> None:
        if env.step(action)[3]:
            env.reset()

    env.reset(seed=1)
    return rate(step, np.random.default_rng(3).integers(2, size=20_000).tolist(), 1)


def learn(env: OnePlayer, steps: int = 4_000) -> None:
    """stable-baselines3 learns in it."""
    try:
        import torch  # noqa: PLC0415 slow
        from stable_baselines3 import DQN  # noqa: PLC0415 a peer
    except ImportError:
        print("stable-baselines3 is not installed: pip install --group peers")
        return
    torch.set_num_threads(1)
    model = DQN("MlpPolicy", env, learning_starts=500, train_freq=4, seed=1, device="cpu")
    began = time.process_time()
    model.learn(steps)
    tell("stable-baselines3 learns in it", steps / (time.process_time() - began))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--data", type=Path, required=True)
    candles, tracks, x = market(options.parse_args().data)
    spans = tracks.spans(0, 10**12)
    began = time.perf_counter()
    prepare()
    print(f"loops are ready after {time.perf_counter() - began:.1f} s; {len(tracks.bars):,} bars")

    theirs = peer(candles["BTC/USDT"])
    one = OnePlayer(tracks, RULES, spans, x)

    def step(action: int) -> None:
        _, _, terminated, truncated, _ = one.step(action)
        if terminated or truncated:
            one.reset()

    one.reset(seed=1)
    if theirs:
        tell("gym-anytrading, one player", theirs)
    actions = np.random.default_rng(3).integers(len(POSITIONS), size=20_000).tolist()
    tell("one player, as gymnasium knows it", rate(step, actions, 1), theirs)
    worst = np.inf
    for players in (16, 1024):
        for share, how in ((1.0, "by chance"), (0.05, "5 % want something else")):
            env = Environment(tracks, RULES, spans, players, np.random.default_rng(1))
            steps = rate(env.step, wanted(players, share), players)
            tell(f"{players:,} players, {how}", steps, theirs)
            worst = min(worst, steps) if players > 16 else worst
    many = ManyPlayers(tracks, RULES, spans, x, 1024)
    many.reset(seed=1)
    tell("1,024 players, as gymnasium knows them, observations made",
         rate(many.step, wanted(1024, 0.05), 1024), theirs)  # fmt: skip
    learn(one)
    if worst < BUDGET:
        sys.exit(f"below {BUDGET:,} steps/s")


if __name__ == "__main__":
    main()
