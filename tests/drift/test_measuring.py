"""One drift, from the files of a snapshot and of bars.

The markets are drawn with fixed seeds; so is what is drawn again for the interval.
"""

import linecache
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from drift.worlds import (
    BEGAN,
    BTC,
    CALM,
    NOON,
    SOL,
    TINY,
    WILD,
    drawn,
    encoder,
    kept,
    market,
    put_market,
    task,
    trained,
)
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.learners import encoder as encoder_module
from tiltyard.market.bar import HOUR
from tiltyard.shell.drift.embedded import FOLDER, embedded_baseline
from tiltyard.shell.drift.measuring import measure
from tiltyard.shell.drift.task import Measured, Task

FLAG = 0.30


def test_a_market_as_in_training_is_no_drift(tmp_path: Path) -> None:
    found = measure(task(tmp_path, market(tmp_path / "bars", CALM)))
    assert (found.state, found.as_of, found.windows) == ("defined", NOON, 2 * 40 * 24)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.effective_samples is not None
    assert found.low < found.value < found.high
    assert abs(found.value) < 0.1
    assert found.low < FLAG
    assert found.effective_samples > 8 * TINY.embedding


def test_a_market_four_times_as_wild_is_one_beyond_its_interval(tmp_path: Path) -> None:
    found = measure(task(tmp_path, market(tmp_path / "bars", WILD)))
    assert found.low is not None
    assert found.low > FLAG
    assert found.dominant


def test_what_was_found_is_the_same_again_and_in_another_process(tmp_path: Path) -> None:
    asked = task(tmp_path, market(tmp_path / "bars", WILD))
    first = measure(asked)
    assert measure(asked) == first
    told = Measured.from_json(first.to_json())
    assert told.to_json() == first.to_json()
    assert told.as_of == first.as_of


def test_bars_that_close_later_are_none_of_now(tmp_path: Path) -> None:
    bars = market(tmp_path / "bars", CALM)
    found = measure(task(tmp_path, bars, now=NOON - 5 * HOUR + timedelta(minutes=30)))
    assert found.as_of == NOON - 5 * HOUR


def test_windows_of_the_baselines_own_time_are_none_of_lately(tmp_path: Path) -> None:
    bars = market(tmp_path / "bars", CALM, BEGAN)
    found = measure(task(tmp_path, bars, now=BEGAN))
    assert found.reason == "no window of its symbols without a hole after its baseline"
    bars = market(tmp_path / "bars", CALM, BEGAN + 300 * HOUR)
    assert measure(task(tmp_path, bars, now=BEGAN + 300 * HOUR)).windows == 2 * 300


def test_a_symbol_that_stands_still_makes_all_of_it_as_old_as_its_last_bar(
    tmp_path: Path,
) -> None:
    bars = tmp_path / "bars"
    put_market(bars, {SOL: drawn(SOL, NOON, 1000), BTC: drawn(BTC, NOON - 30 * HOUR, 1000)})
    assert measure(task(tmp_path, bars)).as_of == NOON - 30 * HOUR


def test_a_symbol_without_bars_is_left_out_of_the_baseline_too(tmp_path: Path) -> None:
    bars = tmp_path / "bars"
    put_market(bars, {SOL: drawn(SOL, NOON, 1000, seed=11)})
    found = measure(task(tmp_path, bars))
    assert found.windows == 40 * 24
    assert found.value is not None
    assert abs(found.value) < 0.1


def test_windows_are_cut_at_the_hours_at_which_those_of_the_baseline_were(tmp_path: Path) -> None:
    arrays = dict(trained().arrays)
    every = arrays["baseline_as_of"] // 3600 % 3 == 0
    for name in ("baseline", "baseline_as_of", "baseline_symbol"):
        arrays[name] = arrays[name][every]
    thinned = kept(tmp_path / "models", replace(trained(), arrays=arrays))
    asked = task(tmp_path, market(tmp_path / "bars", CALM))
    assert measure(asked._replace(policy=thinned)).windows == 2 * 40 * 8


@pytest.mark.parametrize(
    ("hours", "state", "reason"),
    [(15, "warming", "windows"), (3, "unobserved", "no window of its symbols without a hole")],
)
def test_too_few_bars_are_no_number(hours: int, state: str, reason: str, tmp_path: Path) -> None:
    found = measure(task(tmp_path, market(tmp_path / "bars", WILD, hours=hours)))
    assert (found.state, found.value, found.low) == (state, None, None)
    assert reason in found.reason


def test_bars_of_another_length_or_symbol_are_none(tmp_path: Path) -> None:
    bars = tmp_path / "bars"
    put_market(bars, {"ETH/USDT": drawn("ETH/USDT", NOON, 50)})
    found = measure(task(tmp_path, bars))
    assert (found.state, found.as_of) == ("unobserved", None)
    assert found.reason == f"no bars of 1 h of BTC/USDT, SOL/USDT in {bars}"


def test_a_snapshot_without_an_encoder_has_nothing_that_drifts(tmp_path: Path) -> None:
    bare = replace(trained(), settings={**trained().settings, "encoder": None})
    models = tmp_path / "models"
    asked = task(tmp_path, market(tmp_path / "bars", CALM))
    with pytest.raises(TiltyardError, match="ENCODER_MISSING"):
        measure(asked._replace(policy=kept(models, bare)))
    arrays = {name: one for name, one in trained().arrays.items() if name != "baseline_symbol"}
    with pytest.raises(TiltyardError, match="ENCODER_MISSING"):
        measure(asked._replace(policy=kept(models, replace(trained(), arrays=arrays))))


def test_a_snapshot_that_was_changed_is_not_measured(tmp_path: Path) -> None:
    asked = task(tmp_path, market(tmp_path / "bars", CALM))
    (tmp_path / "models" / asked.policy / "baseline.npy").write_bytes(b"other windows")
    with pytest.raises(Faults, match="SNAPSHOT_TAMPERED"):
        measure(asked)


def with_checksum(content: bytes) -> bytes:
    return sha256(content).digest() + content


def test_the_baseline_is_embedded_once_and_anew_where_what_is_kept_is_wrong(
    tmp_path: Path,
) -> None:
    asked: Task = task(tmp_path, market(tmp_path / "bars", CALM))
    found = measure(asked)
    (file,) = (asked.models / FOLDER).iterdir()
    whole, array = file.read_bytes(), BytesIO()
    marked = np.load(BytesIO(whole[32:])) + np.float32(1)
    np.save(array, marked)
    file.write_bytes(with_checksum(array.getvalue()))
    again = embedded_baseline(trained(), encoder(), asked.models)
    assert np.array_equal(again, marked), "it is read, not made"
    zeros = whole[: -marked.nbytes] + bytes(marked.nbytes)
    for wrong in (b"", b"no array", whole[:-1], zeros, with_checksum(b"no array")):
        file.write_bytes(wrong)
        assert measure(asked) == found
        assert file.read_bytes() == whole, "and it is kept again"


def test_what_other_code_has_embedded_is_nothing_to_go_by(tmp_path: Path) -> None:
    asked: Task = task(tmp_path, market(tmp_path / "bars", CALM))
    found = measure(asked)
    (file,) = (asked.models / FOLDER).iterdir()
    digest, _, made_by = file.name.partition("-")
    assert digest == trained().digest
    older = file.rename(file.with_name(f"{digest}-{made_by[::-1]}"))
    older.write_bytes(with_checksum(b"of another encoder"))
    assert measure(asked) == found
    assert list((asked.models / FOLDER).iterdir()) == [file], (
        "and what is of no use is cleared away"
    )


def test_where_the_code_that_embeds_cannot_be_told_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = task(tmp_path, market(tmp_path / "bars", CALM))
    for name, value in {"__file__": str(tmp_path / "away.py"), "__loader__": None}.items():
        monkeypatch.setattr(encoder_module, name, value)
    monkeypatch.setattr(encoder_module.__spec__, "loader", None)
    linecache.clearcache()
    made = embedded_baseline(trained(), encoder(), asked.models)
    assert np.array_equal(made, encoder().embed(trained().arrays["baseline"]))
    assert not (asked.models / FOLDER).exists()


def test_where_nothing_can_be_kept_it_is_made_each_time(tmp_path: Path) -> None:
    asked = task(tmp_path, market(tmp_path / "bars", CALM))
    (asked.models / FOLDER).write_text("in the way")
    assert measure(asked).state == "defined"
