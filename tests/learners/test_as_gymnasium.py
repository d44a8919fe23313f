"""Other people's learners find an environment of gymnasium; no observation is lost in it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from little_markets import LittleMarket, little_market
from tiltyard.learners.as_gymnasium import ManyPlayers, OnePlayer
from tiltyard.learners.environment import Environment, Rules
from tiltyard.learners.playing import NOTHING, POSITIONS

SHORT = replace(Rules(), longest=5, ruin=0.05)
MARKET = little_market(3)


def known(market: LittleMarket) -> np.ndarray:
    return np.random.default_rng(1).uniform(-5, 5, (len(market.rows), 3)).astype(np.float32)


X = known(MARKET)


def one_player(rules: Rules = SHORT) -> OnePlayer:
    return OnePlayer(MARKET.tracks, rules, MARKET.spans, X)


def many(count: int, rules: Rules = SHORT, *, waits: bool = False) -> ManyPlayers:
    return ManyPlayers(MARKET.tracks, rules, MARKET.spans, X, count, waits=waits)


def test_gymnasium_finds_nothing_wrong() -> None:
    check_env(one_player(), skip_render_check=True)


def test_what_is_observed_is_what_is_known_and_what_is_held() -> None:
    player = one_player()
    ours = Environment(MARKET.tracks, SHORT, MARKET.spans, 1, np.random.default_rng(1))
    player._env = ours
    first, _ = player.reset()
    assert first.tolist() == [*X[ours.rows[0]].tolist(), 0, 0, 1, 0, 0]
    observed, reward, *_ = player.step(4)
    held = np.eye(len(POSITIONS))[ours.positions[0]]
    assert observed.tolist() == [*X[ours.rows[0]].tolist(), *held]
    assert reward != 0


@pytest.mark.parametrize("waits", [False, True])
def test_many_players_are_told_what_gymnasiums_own_would_tell(*, waits: bool) -> None:
    mode = AutoresetMode.NEXT_STEP if waits else AutoresetMode.SAME_STEP
    ours = many(1, waits=waits)
    theirs: Any = SyncVectorEnv([one_player], autoreset_mode=mode)
    assert ours.metadata["autoreset_mode"] is mode
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    same(ours.reset(seed=7), theirs.reset(seed=7))
    ended = 0
    for action in np.random.default_rng(2).integers(len(POSITIONS), size=200):
        found, expected = ours.step(np.array([action])), theirs.step(np.array([action]))
        same(found, expected)
        ended += int(expected[2][0] or expected[3][0])
    assert ended > 30


def same(found: Any, expected: Any) -> None:  # noqa: ANN401 arrays, and dictionaries of them
    *columns, told = found
    *others, asked = expected
    for column, other in zip(columns, others, strict=True):
        assert column.tolist() == other.tolist()
        assert column.dtype == other.dtype
    assert set(told) == set(asked)
    for name, value in asked.items():
        if name == "final_obs":
            assert [one.tolist() for one in told[name]] == [one.tolist() for one in value]
        elif isinstance(value, dict):
            assert told[name] == value
        else:
            assert told[name].tolist() == value.tolist()


def test_who_waits_sees_the_same_episodes_as_who_does_not() -> None:
    """Only the step that begins an episode is one more; rewards are those of the same decisions."""
    at_once, later = many(6), many(6, waits=True)
    flat = np.full(6, NOTHING)
    at_once.reset(seed=5)
    later.reset(seed=5)
    lengths: list[list[int]] = [[], []]
    for place, env in enumerate((at_once, later)):
        count = 0
        for _ in range(60):
            _, reward, terminated, truncated, _ = env.step(flat)
            assert not reward.any()
            count += 1
            if terminated[0] or truncated[0]:
                lengths[place].append(count)
                count = 0
    first, others = lengths[1][0], lengths[1][1:]
    assert [first, *(one - 1 for one in others)] == lengths[0][: len(lengths[1])]
    assert len(lengths[1]) > 5


def test_an_episode_that_is_over_hands_out_its_last_observation() -> None:
    env = many(8)
    env.reset(seed=1)
    ended = 0
    for _ in range(20):
        observed, _, terminated, truncated, told = env.step(np.full(8, 4))
        for who in np.flatnonzero(terminated | truncated):
            assert told["_final_obs"][who]
            assert told["final_obs"][who][-1] == 1, "held to the end"
            assert observed[who][-3] == 1, "and nothing at the beginning"
            ended += 1
    assert ended > 20


def test_the_same_seed_is_the_same_course() -> None:
    courses = []
    for env in (many(4), many(4)):
        env.reset(seed=3)
        rng = np.random.default_rng(1)
        courses.append([env.step(rng.integers(5, size=4))[1].tolist() for _ in range(30)])
    assert courses[0] == courses[1]


@pytest.mark.parametrize("action", [-1, 5, 7, 1.5, np.float64(2)])
def test_what_is_no_place_of_a_position_is_refused(action: float) -> None:
    player, players = one_player(), many(2)
    player.reset(seed=1)
    players.reset(seed=1)
    before = player._env.state(), players._env.state()
    with pytest.raises(ValueError, match=r"is not in Discrete\(5\)"):
        player.step(action)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"is not in MultiDiscrete"):
        players.step(np.array([NOTHING, action]))
    for env, stood in zip((player._env, players._env), before, strict=True):
        now = env.state()
        assert all((now[name] == one).all() for name, one in stood.items())


def test_one_action_for_each_player_is_asked_for() -> None:
    players = many(2)
    players.reset(seed=1)
    for actions in (np.array([NOTHING]), np.array([NOTHING] * 3)):
        with pytest.raises(ValueError, match="is not in MultiDiscrete"):
            players.step(actions)


@pytest.mark.parametrize("action", [0, 4, np.int64(4), np.int8(4)])
def test_places_of_positions_may_be_of_any_whole_kind(action: int) -> None:
    player = one_player()
    player.reset(seed=1)
    observed = player.step(action)[0]
    assert observed[-len(POSITIONS) :].argmax() == action
