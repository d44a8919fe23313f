"""The market to learn in as gymnasium knows environments, for other people's learners.

Our own learner steps :class:`~tiltyard.learners.environment.Environment` itself, which is faster.
What is observed is a row of what is known, scaled, and which position is held, as five numbers of
which one is 1. What may be done is a place in :data:`~tiltyard.learners.playing.POSITIONS`.

:class:`ManyPlayers` begins another episode within the step that ended one (``SAME_STEP``) and hands
the last observation out as ``final_obs``, or in the step after it (``NEXT_STEP``), which is how
gymnasium's own do it.
"""

from typing import Any

import numpy as np
from gymnasium import Env
from gymnasium.spaces import Box, Discrete, Space
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from tiltyard.learners.environment import Environment, Rules
from tiltyard.learners.playing import POSITIONS
from tiltyard.learners.sizing import CLIPPED
from tiltyard.learners.tracks import Tracks

Observed = NDArray[np.float32]
Integers = NDArray[np.int64]


class OnePlayer(Env[Observed, np.int64]):
    """One player, who is told to begin anew when an episode is over.

    Args:
        tracks: The market.
        rules: Costs and rewards.
        spans: Where may be played, as :meth:`~tiltyard.learners.tracks.Tracks.spans` says.
        x: What is known, :func:`~tiltyard.learners.sizing.scaled`; shape (rows, inputs).
    """

    def __init__(self, tracks: Tracks, rules: Rules, spans: Integers, x: Observed) -> None:
        self.observation_space: Space[Observed] = _space(x)
        self.action_space: Space[np.int64] = Discrete(len(POSITIONS))
        self._known, self._is_begun = _with_room(x), False
        self._env = Environment(tracks, rules, spans, 1, self.np_random)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observed, dict[str, Any]]:
        """Another episode."""
        super().reset(seed=seed, options=options)
        if seed is not None:
            self._env.restart(self.np_random)
        elif self._is_begun:
            self._env.restart()
        self._is_begun = True
        return _observed(self._known, self._env.rows, self._env.positions)[0], {}

    def step(self, action: np.int64 | int) -> tuple[Observed, float, bool, bool, dict[str, Any]]:
        """One decision.

        Raises:
            ValueError: It is no place of a position; nothing was done.
        """
        _check(self.action_space, action)
        reward, terminated, truncated, row, position = self._env.step(np.array([action]))
        self._is_begun = not (terminated[0] or truncated[0])
        observed = _observed(self._known, row, position)[0]
        return observed, float(reward[0]), bool(terminated[0]), bool(truncated[0]), {}


class ManyPlayers(VectorEnv[Observed, Integers, NDArray[Any]]):
    """Many players, each in an episode of its own.

    Args:
        tracks: The market.
        rules: Costs and rewards.
        spans: Where may be played, as :meth:`~tiltyard.learners.tracks.Tracks.spans` says.
        x: What is known, :func:`~tiltyard.learners.sizing.scaled`; shape (rows, inputs).
        count: Players.
        waits: Whether another episode begins in the step after the one that ended one.
    """

    def __init__(
        self, tracks: Tracks, rules: Rules, spans: Integers, x: Observed, count: int,
        *, waits: bool = False,
    ) -> None:  # fmt: skip
        mode = AutoresetMode.NEXT_STEP if waits else AutoresetMode.SAME_STEP
        self.metadata = {"autoreset_mode": mode}
        self.num_envs = count
        self.single_observation_space, self.single_action_space = (
            _space(x),
            Discrete(len(POSITIONS)),
        )
        self.observation_space = batch_space(self.single_observation_space, count)
        self.action_space = batch_space(self.single_action_space, count)
        self._known, self._waits = _with_room(x), waits
        self._over = np.zeros(count, np.bool_)
        self._env = Environment(tracks, rules, spans, count, self.np_random)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observed, dict[str, Any]]:
        """Another episode for everybody."""
        super().reset(seed=seed, options=options)
        self._env.restart(None if seed is None else self.np_random)
        self._over[:] = False
        return self._now(), {}

    def step(
        self, actions: Integers
    ) -> tuple[Observed, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """One decision of everybody.

        Raises:
            ValueError: One of them is no place of a position; nothing was done.
        """
        _check(self.action_space, actions)
        waited = np.flatnonzero(self._over & self._waits)
        begun = self._env.players[waited]
        reward, terminated, truncated, row, position = self._env.step(actions)
        if len(waited):  # what they did is not asked for, as their episode only begins
            self._env.players[waited] = begun
            reward[waited], terminated[waited], truncated[waited] = 0.0, False, False
            row[waited], position[waited] = begun["row"], begun["position"]
        self._over = terminated | truncated
        last = _observed(self._known, row, position)
        if self._waits or not self._over.any():
            return last, reward, terminated, truncated, {}
        final = np.full(self.num_envs, None, dtype=object)
        for who in np.flatnonzero(self._over):
            final[who] = last[who]
        told = {"final_obs": final, "_final_obs": self._over, "final_info": {}}
        return self._now(), reward, terminated, truncated, {**told, "_final_info": self._over}

    def _now(self) -> Observed:
        return _observed(self._known, self._env.rows, self._env.positions)


def _check(space: Space[Any], actions: Any) -> None:  # noqa: ANN401 whatever somebody else's learner gives
    if not space.contains(actions):
        wrong = f"{actions!r} is not in {space}"
        raise ValueError(wrong)


def _space(x: Observed) -> Space[Any]:
    return Box(-CLIPPED, CLIPPED, (x.shape[1] + len(POSITIONS),), np.float32)


def _with_room(x: Observed) -> Observed:
    """What is known, with room beside it for what is held; shape (rows, inputs + positions)."""
    return np.pad(x, ((0, 0), (0, len(POSITIONS))))


def _observed(known: Observed, rows: Integers, positions: Integers) -> Observed:
    """What is known and what is held, side by side; shape (players, inputs + positions)."""
    observed = known.take(rows, axis=0)
    observed[np.arange(len(rows)), positions - len(POSITIONS)] = 1
    return observed
