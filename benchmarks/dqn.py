"""Learning to size positions in BTC and SOL: our double DQN, and two of stable-baselines3's.

All learn in the same market, of real hours with funding: by the features that a learner is told by
default, scaled by the range that is learnt from, without an encoder; 5 bp of fee and 1 bp of spread
each way. Three parts follow each other, a day between two of them: the first is learnt from, the
second (15 % of what comes before the last) chooses the weights, and the last is held out. Every
learner is tried on the second part after the same steps and the best weights are kept; the peers'
trials are not counted in their time, ours are.

Equal for both DQN: steps, players, layers, batch, updates, discount, rate, warm-up, exploration,
when the target is copied. PPO has as many steps, and settings that are usual for many players.
Peers get observations of all players in one call, through the adapter to gymnasium, and rewards in
percent.
Each run is a process of its own, with one thread; the peak memory is that process's.

    python benchmarks/dqn.py --data FOLDER [--steps 250000] [--seeds 3] [--quick]

Then it prints where our time goes, and how far an update is from its products alone. Ends with 1
where we are not 5 times as fast as the peer's DQN by processor time, or an update takes more than
2.5 times its products. `--quick`: 20,000 steps of one seed.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hours import past, rows_of
from tiltyard.learners.dqn import Course, DqnSettings, fit
from tiltyard.learners.dqn import _Training as Training
from tiltyard.learners.environment import Rules, prepare, walk
from tiltyard.learners.job import Job
from tiltyard.learners.playing import NOTHING, POSITIONS
from tiltyard.learners.sizing import scaled
from tiltyard.learners.tracks import tracks_of
from tiltyard.learners.values import choices

DAY = 86_400
HELD_OUT = 180
LEAST_FASTER, MOST_OF_PRODUCTS = 5.0, 2.5
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
KINDS = ("ours", "sb3_dqn", "sb3_ppo")
Table = NDArray[np.int64]


class Market(NamedTuple):
    course: Course
    held_out: NDArray[np.int64]


def market(folder: Path) -> Market:
    data = past(folder)
    rows = rows_of(data)
    last = int(rows.as_of.max())
    begins = last - HELD_OUT * DAY
    chooses = begins - round(0.15 * (begins - int(rows.as_of.min())))
    learnt = rows.x[rows.as_of < chooses - DAY].astype(np.float64)
    scaler = {"mean": learnt.mean(0).tolist(), "sd": learnt.std(0).tolist()}
    tracks = tracks_of(data.candles, rows, data.funding)
    course = Course(
        tracks, scaled(rows.x, scaler), Rules(), tracks.spans(0, chooses - DAY),
        tracks.spans(chooses, begins - DAY),
    )  # fmt: skip
    return Market(course, tracks.spans(begins, last))


def played(course: Course, spans: NDArray[np.int64], table: Table) -> tuple[float, list[int]]:
    """Equity at the end, of each symbol's notional, and how often each position was wanted."""
    every = [walk(course.tracks, course.rules, span, table) for span in spans]
    wanted = np.sum([one.wanted for one in every], axis=0).tolist()
    return float(np.mean([one.equity[-1] for one in every])), wanted


def settings_of(steps: int) -> DqnSettings:
    return replace(DqnSettings(), steps=steps)


def ours(data: Market, steps: int, seed: int) -> tuple[Table, dict[str, float]]:
    prepare()
    with TemporaryDirectory() as folder:
        small = replace(settings_of(200), warm_up=100, evaluate_every=100)
        where = Path(folder)
        fit(small, data.course, seed=seed, job=Job(), stage="compiled", folder=where / "first")
        begun = clocks()
        job = Job(folder=where / "work")
        made = fit(
            settings_of(steps), data.course, seed=seed, job=job, stage="", folder=where / "b"
        )
        took = {name: now - begun[name] for name, now in clocks().items()}
    return choices([made.weights], data.course.x), {**took, "updates": made.history["updates"]}


def clocks() -> dict[str, float]:
    return {"core": time.process_time(), "wall": time.perf_counter()}


def peer(kind: str, data: Market, steps: int, seed: int) -> tuple[Table, dict[str, float]]:
    """A learner of stable-baselines3; whatever its trials took is taken off."""
    import torch  # noqa: PLC0415 ours runs without it
    from stable_baselines3 import DQN, PPO  # noqa: PLC0415 only where peers are asked for
    from stable_baselines3.common.callbacks import BaseCallback  # noqa: PLC0415 as above

    torch.set_num_threads(1)
    same, course = settings_of(steps), data.course
    players = many_players(course, same.environments, same.unit)
    net = {"net_arch": list(same.layers)}
    if kind == "sb3_dqn":
        copied = same.target_every * same.every
        model: Any = DQN(
            "MlpPolicy", players, learning_rate=same.rate, buffer_size=steps, seed=seed,
            learning_starts=same.warm_up, batch_size=same.batch, gamma=same.discount,
            train_freq=1, gradient_steps=same.environments // same.every,
            target_update_interval=copied, exploration_fraction=same.drawn_over,
            exploration_final_eps=same.least_drawn, policy_kwargs=net, device="cpu",
        )  # fmt: skip
    else:
        model = PPO(
            "MlpPolicy", players, learning_rate=3e-4, n_steps=256, batch_size=512, n_epochs=10,
            gamma=same.discount, gae_lambda=0.95, ent_coef=0.01, seed=seed, policy_kwargs=net,
            device="cpu",
        )  # fmt: skip

    def table() -> Table:
        chosen = np.zeros((len(course.x), len(POSITIONS)), np.int64)
        for position, held in enumerate(np.eye(len(POSITIONS), dtype=np.float32)):
            for first in range(0, len(course.x), 4_096):
                part = course.x[first : first + 4_096]
                seen = np.hstack([part, np.tile(held, (len(part), 1))])
                chosen[first : first + len(part), position] = model.predict(
                    seen, deterministic=True
                )[0]
        return chosen

    class Tried(BaseCallback):  # type: ignore[misc] # it publishes no types
        best, kept, due = -np.inf, table(), same.evaluate_every

        def __init__(self) -> None:
            super().__init__()
            self.took = {"core": 0.0, "wall": 0.0}

        def _on_step(self) -> bool:
            if self.num_timesteps >= self.due:
                begun = clocks()
                self.due += same.evaluate_every
                now = table()
                worth = played(course, course.valid_spans, now)[0]
                if worth > self.best:
                    self.best, self.kept = worth, now
                for name, at in clocks().items():
                    self.took[name] += at - begun[name]
            return True

    tried, begun = Tried(), clocks()
    model.learn(steps, callback=tried)
    took = {name: now - begun[name] - tried.took[name] for name, now in clocks().items()}
    return tried.kept, {**took, "updates": model._n_updates}


def many_players(course: Course, count: int, unit: float) -> Any:  # noqa: ANN401 it publishes no types
    """All players as one environment of stable-baselines3, whose own would step them one by one."""
    from stable_baselines3.common.vec_env import VecEnv  # noqa: PLC0415 only where peers are asked for

    from tiltyard.learners.as_gymnasium import ManyPlayers  # noqa: PLC0415 as above

    players = ManyPlayers(course.tracks, course.rules, course.learn_spans, course.x, count)

    class Adapted(VecEnv):  # type: ignore[misc] # as above
        def reset(self) -> Any:  # noqa: ANN401
            return players.reset(seed=self._seeds[0])[0]

        def step_async(self, actions: Any) -> None:  # noqa: ANN401
            self.actions = actions

        def step_wait(self) -> Any:  # noqa: ANN401
            seen, reward, terminated, truncated, told = players.step(self.actions)
            over = terminated | truncated
            infos: list[dict[str, Any]] = [{} for _ in range(count)]
            for who in np.flatnonzero(over):
                infos[who] = {
                    "terminal_observation": told["final_obs"][who],
                    "TimeLimit.truncated": bool(truncated[who]),
                }
            return seen, (unit * reward).astype(np.float32), over, infos

        def close(self) -> None:
            pass

        def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:  # noqa: ANN401, ARG002
            return [None] * count

        def set_attr(self, *_: Any) -> None:  # noqa: ANN401
            raise NotImplementedError

        def env_method(self, *_: Any, **__: Any) -> list[Any]:  # noqa: ANN401
            raise NotImplementedError

        def env_is_wrapped(self, *_: Any, **__: Any) -> list[bool]:  # noqa: ANN401
            return [False] * count

    return Adapted(count, players.single_observation_space, players.single_action_space)


def one(kind: str, data: Market, steps: int, seed: int) -> dict[str, Any]:
    table, took = ours(data, steps, seed) if kind == "ours" else peer(kind, data, steps, seed)
    course = data.course
    equity, wanted = played(course, data.held_out, table)
    return {
        **took, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "valid": played(course, course.valid_spans, table)[0], "held_out": equity, "wanted": wanted,
    }  # fmt: skip


def microseconds(*parts: Callable[[], object], rounds: int = 40, times: int = 20) -> list[float]:
    """Of a core, the median of each, in turns, so that other work here meets all alike."""
    took: list[list[float]] = [[] for _ in parts]
    for _ in range(rounds):
        for part, mine in zip(parts, took, strict=True):
            begun = time.process_time()
            for _ in range(times):
                part()
            mine.append((time.process_time() - begun) / times * 1e6)
    return [float(np.median(mine)) for mine in took]


def split(data: Market, steps: int) -> bool:
    """Where our time goes; whether an update is near its products."""
    settings = settings_of(250_000)
    with TemporaryDirectory() as folder:
        training = Training(settings, data.course, 1)
        training.begin(None, Path(folder), "", "")
        while training.steps < 100_000:
            training._play()
        update, group = training._update, settings.environments // settings.every

        def products() -> None:
            for product in update.products:
                product()

        play, learn, bare = microseconds(training._play, lambda: training._learn(group), products)
        (trial,) = microseconds(training._tried, rounds=3, times=1)
        job = Job(folder=Path(folder) / "work")
        begun = time.process_time()
        training._replay.commit()
        job.keep("0" * 64, training.checkpoint())
        keep = (time.process_time() - begun) * 1e6
    of_update = learn / group
    trials = -(-steps // settings.evaluate_every)
    print("\nours, by part            each        times     in all")
    for name, took, times in (
        ("a step of 16 players", play, steps // settings.environments),
        ("an update", of_update, (steps - settings.warm_up) // settings.every),
        ("a trial", trial, trials),
        ("keeping the work", keep, trials),
    ):
        print(f"{name:20} {took:9,.0f} µs {times:10,} {took * times / 1e6:8.1f} s")
    blocks = [block for product in update.products for block in product._blocks]
    operations = sum(2 * a.size * b.shape[1] for a, b, _ in blocks)
    print(f"\nan update is {operations / 1e6:.2f} million floating point operations in "
          f"{len(blocks)} products,\nwhich take {bare:.0f} µs "
          f"({operations / bare / 1e3:.0f} GFLOP/s); all of it takes "
          f"{of_update:.0f} µs, {of_update / bare:.2f} times as long")  # fmt: skip
    return of_update <= MOST_OF_PRODUCTS * bare


def shown(kind: str, results: list[dict[str, Any]]) -> float:
    core, wall = (float(np.median([one[name] for one in results])) for name in ("core", "wall"))
    memory = max(one["memory"] for one in results)
    reached = ", ".join(f"{one['held_out']:+.1%}" for one in results)
    chosen = ", ".join(f"{one['valid']:+.1%}" for one in results)
    print(f"{kind:8} {core:8.1f} s {wall:8.1f} s {memory:7,.0f} MB {results[0]['updates']:8,.0f}   "
          f"{reached}   ({chosen})")  # fmt: skip
    for result in results:
        print(
            f"{'':8} wanted in the held-out part, from short to long: {result['wanted']}",
            flush=True,
        )
    return core


def in_a_process(kind: str, asked: argparse.Namespace, seed: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--data", str(asked.data), "--steps", str(asked.steps)]
    command += ["--one", kind, "--seed", str(seed)]
    told = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **THREADS}
    )
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--steps", type=int, default=250_000)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--one", choices=KINDS)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    if asked.quick:
        asked.steps, asked.seeds = 20_000, 1
    data = market(asked.data)
    if asked.one:
        print(json.dumps(one(asked.one, data, asked.steps, asked.seed)))
        return
    learnt, chosen, held_out = (
        int((spans[:, 1] - spans[:, 0]).sum())
        for spans in (data.course.learn_spans, data.course.valid_spans, data.held_out)
    )
    inputs = data.course.x.shape[1]
    print(f"{learnt:,} bars to learn from, {chosen:,} to choose by, {held_out:,} held out; "
          f"{inputs} inputs; {asked.steps:,} steps, {asked.seeds} seeds")  # fmt: skip
    for name, position in (("flat", NOTHING), ("holding", len(POSITIONS) - 1)):
        table = np.full((len(data.course.x), len(POSITIONS)), position)
        made, chosen_by = (played(data.course, spans, table)[0]
                           for spans in (data.held_out, data.course.valid_spans))  # fmt: skip
        print(f"{name:8} {made:+.1%} in the held-out part ({chosen_by:+.1%} where it is chosen)")
    print(
        "\n             of a core    by clock    memory  updates   held out   (where it was chosen)"
    )
    results: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for seed in range(1, asked.seeds + 1):
        for kind in KINDS:
            results[kind].append(in_a_process(kind, asked, seed))
    core = {kind: shown(kind, several) for kind, several in results.items()}
    faster = {kind: core[kind] / core["ours"] for kind in KINDS[1:]}
    print(f"ours is {faster['sb3_dqn']:.1f} times as fast as the peer's DQN by processor time, "
          f"{faster['sb3_ppo']:.1f} times as fast as PPO")  # fmt: skip
    is_near = split(data, asked.steps)
    sys.exit(not (faster["sb3_dqn"] >= LEAST_FASTER and is_near))


if __name__ == "__main__":
    main()
