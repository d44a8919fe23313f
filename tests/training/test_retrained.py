"""A policy that says how much, as it is ordered: who it has to beat, and what is said of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from floors import BREAKOUT, CHAMPION, populate
from tiltyard.actions.record import carried_out
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.arm import Arm
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.dqn import DqnSettings
from tiltyard.learners.job import Step
from tiltyard.learners.kinds import KINDS
from tiltyard.learners.retraining import SizingSettings
from tiltyard.learners.rivals import Champion
from tiltyard.policies.catalogue import POLICIES
from tiltyard.policies.trend import Trend
from tiltyard.shell.models.shelf import SERVED
from tiltyard.shell.pictures.training_page import training_page
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.training.bars import Bars, read_bars
from tiltyard.shell.training.champion import champion_named, champion_of
from tiltyard.shell.training.running import Made, World, retrain_sizing, train
from tiltyard.shell.training.words import champion_line, closing_lines, made_json, trial_line
from trained_policies import put_model, tiny
from training.small import SMALL, order

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)
SIZING = SizingSettings(
    base=replace(SMALL, folds=1, hold_out_days=5),
    dqn=DqnSettings(steps=1_600, evaluate_every=800, warm_up=400),
    window_days=40,
)
BEST = Champion("trend", Trend(20, 100))
PROMOTED: tuple[Kind, ...] = ("graduate", "crown")


@pytest.fixture(scope="module")
def bars(folder: Path) -> Bars:
    return read_bars(folder / "bars", ["SOL"], None, None, None)


def world(told: list[Step] | None = None) -> World:
    return World(lambda: NOW, lambda: 0.0, lambda _: None if told is None else told.append(_))


@pytest.fixture(scope="module")
def sized(folder: Path, bars: Bars) -> Made:
    asked = replace(order("rl", folder), seeds=2, steps=1_600)
    return retrain_sizing(asked, bars, world(), SIZING, champion=BEST)


def test_all_that_is_known_of_it_is_said(sized: Made, bars: Bars, tmp_path: Path) -> None:
    lines = closing_lines(sized, order("rl", tmp_path), bars, tmp_path / "page.html")
    said = "\n".join(lines)
    assert lines[0].startswith("dqn_20250707_120000_")
    for told in (
        "the champion  ",
        "seed 1  ",
        "seed 2  ",
        "SOL/USDT  ",
        "gate: undefined: 2 seeds, fewer than 5",
    ):
        assert told in said
    assert lines[-1].endswith(f"tiltyard policy register {sized.path.name} --capital X")
    row = made_json(sized, bars, [], tmp_path / "page.html")
    assert row["kind"] == "dqn"
    assert row["metrics"]["gate"]["state"] == "undefined"
    page = training_page(sized, bars, [], NOW)
    for told in (
        "Walk-forward: by seed, and by symbol",
        "6 networks met 9,600 steps, and learnt by ",
        "gate: undefined",
    ):
        assert told in page


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("passed", "put it on trial: "),
        ("not passed", "by the gate not worth a trial; all the same: "),
        ("undefined", "the gate says nothing for it; all the same: "),
    ],
)
def test_what_is_advised_is_what_the_gate_says(sized: Made, state: str, said: str) -> None:
    metrics = {**sized.snapshot.metrics, "gate": {"state": state}}
    line = trial_line(replace(sized.snapshot, metrics=metrics), "dqn_1")
    assert line == f"{said}tiltyard policy register dqn_1 --capital X"


def test_people_are_told_before_anything_is_compiled(folder: Path, bars: Bars) -> None:
    told: list[Step] = []
    asked = replace(order("rl", folder), seeds=1, steps=1_600)
    retrain_sizing(asked, bars, world(told), SIZING)
    stages = list(dict.fromkeys(one.stage for one in told))
    assert stages[:2] == ["encoder", "compiling what players do, which is kept for the next time"]
    assert stages[-1] == "what serves, seed 1 of 1"
    networks = len(stages) - 2
    for place, stage in enumerate(stages[2:], 1):
        (after,) = {one.after for one in told if one.stage == stage}
        assert after == (networks - place) * asked.steps


def test_what_was_up_goes_on_where_it_was(
    sized: Made, folder: Path, bars: Bars, tmp_path: Path
) -> None:
    asked = replace(
        order("rl", folder), seeds=2, steps=1_600, output=tmp_path, minutes=0.0,
        encoder=sized.encoder,
    )  # fmt: skip
    partial = retrain_sizing(asked, bars, world(), SIZING, champion=BEST)
    assert partial.is_partial
    told: list[Step] = []
    whole = retrain_sizing(
        replace(asked, minutes=None), bars, world(told), SIZING, champion=BEST
    )  # fmt: skip
    fits = [one.done for one in told if "seed" in one.stage]
    assert fits == [1_600] * 6, "the first half of each was kept"
    assert not whole.is_partial
    assert whole.snapshot.digest == sized.snapshot.digest
    assert not (tmp_path / ".work").exists()


def test_it_has_no_head_that_could_be_fitted_anew(sized: Made, folder: Path, bars: Bars) -> None:
    asked = replace(order("tabnet", folder), refresh=sized.path)
    with pytest.raises(TiltyardError, match=r"SNAPSHOT_DIFFERS.*kind 'dqn'"):
        train(asked, bars, world(), SMALL)


def test_a_champion_that_knows_the_days_is_told_so(sized: Made) -> None:
    assert champion_line(sized.snapshot) == "the champion is trend"
    since = sized.snapshot.metrics["walk_forward"]["since"]
    for knows, is_told in ((since, False), (since + 3_600, True)):
        lineage = {**sized.snapshot.lineage, "champion": {"name": "old", "knows_until": knows}}
        line = champion_line(replace(sized.snapshot, lineage=lineage))
        assert line is not None
        assert ("knows these days" in line) == is_told
    unknown = {"name": "old", "knows_until": None, "is_known": False}
    line = champion_line(
        replace(sized.snapshot, lineage={**sized.snapshot.lineage, "champion": unknown})
    )
    assert line == "nobody knows which days the champion, old, has learnt from"
    nobody = {**sized.snapshot.lineage, "champion": None}
    line = champion_line(replace(sized.snapshot, lineage=nobody))
    assert line == "compared with no champion"


def test_a_champion_is_named_by_its_kind_or_its_snapshot(tmp_path: Path) -> None:
    assert champion_named("flat", [tmp_path]) == Champion("flat", POLICIES.get("flat"))
    lineage = {"data": {"until": 7_200}, "encoder": {"data": {"until": 3_600}}}
    path = put_model(tmp_path, replace(tiny(), lineage=lineage))
    for text in (path.name, str(path), path.name[-8:]):
        found = champion_named(text, [tmp_path / "output", tmp_path])
        assert (found.name, found.knows_until) == (path.name, 7_200)
    with pytest.raises(TiltyardError, match=r"POLICY_UNKNOWN nobody: .* or .*flat, trend"):
        champion_named("nobody", [tmp_path / "output", tmp_path])


def test_the_ledgers_champion_is_taken_where_it_is_one_of_ours(tmp_path: Path) -> None:
    def champion(arm: Arm) -> Champion | str:
        with Ledger.open(str(tmp_path / f"{arm.name}.db"), create=True) as ledger:
            assert champion_of(ledger, tmp_path / "models") == "the ledger has none"
            ledger.save_roster(ledger.roster().with_arm(arm), [], at=NOW)
            return champion_of(ledger, tmp_path / "models")

    def of(name: str, digest: str = "") -> Arm:
        return Arm(name, "champion", "champion", 1, 1, 0, None, NOW, digest=digest)

    assert champion(of("trend_20250101_000000_c4a3b105")) == Champion(
        "trend_20250101_000000_c4a3b105", Trend()
    )
    assert champion(of("my_bot")) == (
        "my_bot is no policy of ours, so nobody knows what it would have made"
    )
    gone = "dqn_20250101_000000_deadbeef"
    with pytest.raises(TiltyardError, match=r"^SNAPSHOT_MISSING .*models"):
        champion(of(gone, "deadbeef" * 8))
    name = put_model(tmp_path / "models").name
    found = champion(of(name, tiny().digest))
    assert isinstance(found, Champion)
    assert found.name == name


def test_the_champion_of_then_is_taken_where_a_time_is_named(ledger: Ledger) -> None:
    populate(ledger, (CHAMPION, BREAKOUT), NOW)
    crowned_at = NOW + timedelta(days=1)
    steps = [
        Action(kind, BREAKOUT, "promotion", "enforce", crowned_at, before=0.1, after=0.1)
        for kind in PROMOTED
    ]
    ledger.change_roster(lambda roster: carried_out(roster, steps, "", "ann"), at=crowned_at)

    def champion(known_by: datetime | None) -> str:
        found = champion_of(ledger, Path("nowhere"), known_by)
        return found if isinstance(found, str) else found.name

    assert champion(None) == champion(crowned_at) == BREAKOUT
    assert champion(crowned_at - timedelta(seconds=1)) == CHAMPION


def test_whatever_serves_can_be_registered() -> None:
    assert set(SERVED) == set(KINDS)
