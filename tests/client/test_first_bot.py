"""The first bot that we show trades with a desk, and without one."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from client.desks import TOKEN, Desk, shares

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "first_bot.py"


@pytest.fixture
def first_bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 it is the example's module
    spec = importlib.util.spec_from_file_location("first_bot", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    return module


def test_the_first_bot_asks_before_each_entry_and_reports_each_trade(
    first_bot: Any,  # noqa: ANN401 as above
    desk: Desk,
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk.shares = shares(expires_at="2100-01-01T00:00:00Z")
    entered = first_bot.main(desk.url, TOKEN)
    assert sum(entered.values()) == first_bot.EPISODES
    assert desk.items("decisions", "episode_id") == desk.items("trades", "episode_id")
    assert desk.items("decisions", "policy") == desk.items("trades", "policy")
    assert set(desk.items("decisions", "share_revision")) == {7}
    assert sorted(desk.items("marks", "policy")) == sorted(entered)
    assert desk.sources[0] is None
    calls = dict(
        zip(*(desk.items("observations", part) for part in ("name", "number")), strict=True)
    )
    assert (calls["api_calls"], calls["api_errors"]) == (first_bot.EPISODES, 0)
    assert set(calls) > {"inference_latency_p50_ms", "inference_latency_p95_ms"}
    assert "heartbeats" not in desk.taken, "who ends has said nothing that it cannot keep up"
    assert "0 reports wait" in capsys.readouterr().out


def test_the_first_bot_goes_on_without_a_desk_and_delivers_the_next_time(
    first_bot: Any,  # noqa: ANN401 as above
    desk: Desk,
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk.stop()
    first_bot.EPISODES = 10
    assert first_bot.main(desk.url, TOKEN) == {"prod": 10}
    assert "25 reports wait" in capsys.readouterr().out
    desk.start()
    first_bot.main(desk.url, TOKEN)
    assert len(desk.items("trades", "trade_id")) == 20


def test_the_first_bot_that_runs_again_leaves_the_trades_of_before_as_they_were(
    first_bot: Any,  # noqa: ANN401 as above
    desk: Desk,
) -> None:
    desk.shares = shares(expires_at="2100-01-01T00:00:00Z")
    for _ in range(2):
        first_bot.main(desk.url, TOKEN)
    assert len(set(desk.items("trades", "trade_id"))) == 2 * first_bot.EPISODES
