"""The stable: who is asked for is loaded beside, kept, and looked at again when files change."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from eventful_folders import eventful
from tiltyard.facts.observation import Observation
from tiltyard.learners.snapshot import Snapshot
from tiltyard.metrics.catalogue import HEALTH
from tiltyard.shell.models.health import SELDOM, Health, repeated_every
from tiltyard.shell.models.stable import PATIENCE, Stable
from tiltyard.shell.settings import load
from trained_policies import encoder_alone, put_model, spoilt, tiny, trained_on, wavy

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)
WEIGHTS = "weights.safetensors"


@dataclass
class House:
    """A stable, who looks after it, and what they tell.

    Attributes:
        seconds: By a steady clock.
    """

    folder: Path
    seconds: float = 0.0
    said: list[str] = field(default_factory=list)
    told: list[Observation] = field(default_factory=list)
    nudged: int = 0

    def __post_init__(self) -> None:
        self.stable = Stable(self.folder, lambda: self.seconds, nudge=self.nudge)
        self.health = Health(
            self.stable, lambda *each: self.told.extend(each), every=100.0, settles=3.0,
            now=lambda: NOON, say=self.said.append,
        )  # fmt: skip

    def nudge(self) -> None:
        self.nudged += 1

    def look(self, seconds: float = 0.0) -> None:
        self.seconds += seconds
        self.health.look()

    @property
    def numbers(self) -> list[float]:
        return [one.number for one in self.told]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "models")


@pytest.fixture
def path(house: House) -> Path:
    return put_model(house.folder)


def test_who_is_asked_for_is_loaded_by_whoever_looks(house: House, path: Path) -> None:
    arms = {path.name: tiny().digest, "bot": ""}
    assert all(model.is_loading for model in house.stable.ask(arms).values())
    assert house.nudged == 1
    house.look()
    found = house.stable.ask(arms)
    assert set(found) == {path.name}
    policy = found[path.name].policy
    assert policy is not None
    assert policy.digest == tiny().digest
    assert house.nudged == 1


def test_who_asks_does_not_look_and_who_was_not_found_is_no_model_until_it_is_there(
    house: House,
) -> None:
    arms = {"bot": "0" * 64, "mine": tiny().digest}
    assert set(house.stable.ask(arms)) == {"bot", "mine"}
    house.look()
    put_model(house.folder)
    assert house.stable.ask(arms) == house.stable.now == {}
    assert house.nudged == 1
    house.look()
    assert set(house.stable.ask(arms)) == {"mine"}
    assert house.nudged == 2
    house.look()
    assert house.stable.ask(arms)["mine"].policy is not None
    assert not house.said


def test_who_joins_while_the_folder_is_listed_is_looked_for_by_the_next_look(
    tmp_path: Path,
) -> None:
    folder = put_model(tmp_path / "models").parent
    house = House(eventful(folder, lambda _: house.stable.ask(arms)))
    arms = {"bot": "0" * 64}
    house.stable.ask(arms)
    arms = {**arms, "other_bot": "1" * 64, "mine": tiny().digest}
    house.look()
    assert house.stable.now["other_bot"].is_loading
    assert house.stable.now["mine"].is_loading
    assert house.nudged == 2
    house.look()
    house.look(10)
    assert set(house.stable.ask(arms)) == {"mine"}
    assert house.stable.now["mine"].policy is not None
    assert ([one.policy for one in house.told], house.said) == (["mine"], [])


@pytest.mark.parametrize("error", [PermissionError, RuntimeError])
def test_whatever_is_wrong_with_one_keeps_no_other_from_being_loaded(
    tmp_path: Path, error: type[Exception]
) -> None:
    def fails(folder: Path) -> None:
        if folder.name == first.name:
            raise error("somehow")

    models = tmp_path / "models"
    every = put_model(models), put_model(models, trained_on(wavy(NOON, 300), seed=2))
    first, last = sorted(every)
    house = House(eventful(models, fails))
    house.stable.ask({first.name: "", last.name: ""})
    house.look()
    house.look(4)
    assert house.stable.now[last.name].policy is not None
    assert [(one.policy, one.number) for one in house.told] == [(last.name, 1), (first.name, 0)]
    assert "somehow" in house.said[0]


def test_an_array_that_is_made_up_is_told_of_its_own_snapshot_alone(
    house: House, path: Path
) -> None:
    header = b"{'descr': ((('<f4', 'fortran_order': False, 'shape': (1,".ljust(117) + b"\n"
    digest = with_array(path, b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    house.stable.ask({"aaa": digest, "zzz": tiny().digest})
    house.look()
    why = house.stable.now["aaa"].why
    assert why is not None
    assert why.code == "SNAPSHOT_UNREADABLE"
    assert house.stable.now["zzz"].policy is not None


def with_array(path: Path, content: bytes) -> str:
    """Another snapshot beside one, with this array and a manifest that says so; its digest."""
    manifest = json.loads((path / "manifest.json").read_text())
    told = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    manifest["files"]["baseline.npy"] = told
    raw = json.dumps(manifest).encode()
    digest = sha256(raw).hexdigest()
    other = path.with_name(f"tabnet_20250101_000000_{digest[:8]}")
    shutil.copytree(path, other)
    (other / "baseline.npy").write_bytes(content)
    (other / "manifest.json").write_bytes(raw)
    return digest


def test_while_the_folder_is_away_who_surely_has_one_is_unhealthy_and_nobody_else(
    house: House, path: Path
) -> None:
    house.folder.rename(away := house.folder.with_name("away"))
    arms = {path.name: tiny().digest, "tabnet_20250101_000000_00000000": "0" * 64, "bot": "1" * 64}
    asked = house.stable.ask(arms, registered=[path.name])
    assert all(model.is_loading for model in asked.values())
    house.look()
    house.look(4)
    assert set(house.stable.ask(arms, registered=[path.name])) == {path.name}
    assert [(one.policy, one.number) for one in house.told] == [(path.name, 0)]
    known, unknown = house.said[::-1]
    assert known.startswith(
        f"{path.name} is not traded: SNAPSHOT_MISSING {house.folder}: it cannot be listed: No such "
    )
    assert unknown == (
        f"{house.folder} cannot be listed: No such file or directory; "
        "tabnet_20250101_000000_00000000 is not traded here until it can; put it back, unless a "
        "bot trades elsewhere"
    )
    away.rename(house.folder)
    house.look(4)
    house.look(4)
    assert [(one.policy, one.number) for one in house.told] == [(path.name, 0), (path.name, 1)]
    assert house.said[2].startswith(f"{path.name}: its model is well again")
    assert house.said[3].startswith("tabnet_20250101_000000_00000000: no snapshot in")


def test_a_folder_that_never_was_there_is_missed_by_nobody_who_is_called_otherwise(
    house: House,
) -> None:
    house.stable.ask({"bot": "1" * 64, "other": ""})
    house.look()
    house.look(4)
    assert (house.stable.now, house.told, house.said) == ({}, [], [])


def test_a_folder_that_cannot_be_listed_is_told_whoever_there_is(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("no folder")
    house = House(tmp_path / "models")
    house.stable.ask({"bot": "1" * 64})
    house.look()
    house.look(4)
    assert house.told == []
    (said,) = house.said
    assert said == (
        f"{house.folder} cannot be listed: Not a directory; whoever has a model there is not "
        "traded here until it can; put it back, unless a bot trades elsewhere"
    )


def test_who_is_called_as_a_snapshot_is_and_has_none_is_told_once_and_not_halted(
    house: House, path: Path
) -> None:
    shutil.move(path, away := house.folder.parent / path.name)
    arms = {path.name: tiny().digest, "bot": "0" * 64}
    house.stable.ask(arms)
    house.look()
    house.look(10.0)
    (said,) = house.said
    assert said.startswith(f"{path.name}: no snapshot in {house.folder} is it, so it is not traded")
    assert not house.told
    shutil.move(away, path)
    house.look(10.0)
    house.stable.ask(arms)
    house.look(10.0)
    assert house.stable.ask(arms)[path.name].policy is not None


def test_an_arm_without_a_digest_goes_by_its_name_and_one_with_another_by_that(
    house: House, path: Path
) -> None:
    house.stable.ask({path.name: ""})
    house.look()
    assert house.stable.ask({path.name: "0" * 64}) == {path.name: house.stable.now[path.name]}
    other = Stable(house.folder, lambda: 0.0, at_once=True)
    assert not other.ask({path.name: "0" * 64})
    assert not other.ask({path.name: "my own"})
    assert set(other.ask({"renamed": tiny().digest})) == {"renamed"}


def test_no_name_of_an_arm_leads_out_of_the_folder(house: House, path: Path) -> None:
    other = put_model(house.folder.parent / "elsewhere")
    name = f"{path.name}/../../elsewhere/{other.name}"
    assert (house.folder / name).is_dir()
    house.stable.ask({name: ""})
    house.look()
    assert house.stable.ask({name: ""}) == {}
    house.stable.ask({name: ""}, [name])
    house.look()
    why = house.stable.now[name].why
    assert why is not None
    assert why.code == "SNAPSHOT_MISSING"


def test_two_arms_of_one_snapshot_share_a_policy_and_who_is_gone_is_forgotten(
    house: House, path: Path
) -> None:
    digest = tiny().digest
    house.stable.ask({path.name: digest, "twin": digest})
    house.look()
    now = house.stable.now
    assert now["twin"].policy is now[path.name].policy
    assert set(house.stable.ask({"twin": digest})) == {"twin"}


def test_who_loads_for_too_long_is_late(house: House, path: Path) -> None:
    model = house.stable.ask({path.name: ""})[path.name]
    assert not model.is_late(PATIENCE)
    assert model.is_late(PATIENCE + 0.1)
    house.look()
    assert not house.stable.now[path.name].is_late(PATIENCE + 0.1)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def flip(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


@pytest.mark.parametrize("name", [WEIGHTS, "manifest.json", "baseline.npy"])
@pytest.mark.parametrize("harm", [cut, flip, Path.unlink])
def test_a_snapshot_of_which_any_file_is_another_is_not_loaded_until_it_is_back(
    house: House, path: Path, name: str, harm: Callable[[Path], object]
) -> None:
    arms = {path.name: tiny().digest}
    before = (path / name).read_bytes()
    harm(path / name)
    house.stable.ask(arms, arms)
    house.look()
    house.look(2)
    assert house.stable.now[path.name].policy is None
    assert (house.said, house.told) == ([], [])
    house.look(2)
    assert house.numbers == [0]
    assert house.said[0].startswith(f"{path.name} is not traded: SNAPSHOT_")
    house.look(2)
    assert len(house.said) == 1
    (path / name).write_bytes(before)
    house.look()
    assert house.said[1:] == [f"{path.name}: its model is well again"]
    assert house.numbers == [0, 1]
    assert house.stable.now[path.name].policy is not None


def test_one_whose_folder_cannot_be_listed_keeps_no_other_from_being_loaded(
    house: House, path: Path
) -> None:
    other = put_model(house.folder, trained_on(wavy(NOON, 300), seed=2))
    first, last = sorted([path, other])
    first.chmod(0o100)  # its files can be read, and nobody can say which there are
    try:
        if os.access(first, os.R_OK):
            pytest.skip("this user may list anything")
        house.stable.ask({first.name: "", last.name: ""})
        house.look()
    finally:
        first.chmod(0o700)
    why = house.stable.now[first.name].why
    assert why is not None
    assert why.code == "SNAPSHOT_MISSING"
    assert house.stable.now[last.name].policy is not None


def test_one_that_no_folder_can_be_called_as_keeps_no_other_from_being_loaded(
    house: House, path: Path
) -> None:
    house.stable.ask({"a\0b": "", path.name: ""}, ["a\0b"])
    house.look()
    assert house.stable.now["a\0b"].why is not None
    assert house.stable.now[path.name].policy is not None


def test_what_is_loaded_is_kept_when_its_folder_goes_and_told_so(house: House, path: Path) -> None:
    arms = {path.name: tiny().digest}
    house.stable.ask(arms)
    house.look()
    policy = house.stable.now[path.name].policy
    shutil.rmtree(path)
    house.look()
    house.look(4)
    assert house.stable.ask(arms)[path.name].policy is policy
    assert house.said[0].startswith(f"{path.name} is not healthy: SNAPSHOT_MISSING")
    assert house.numbers == [1, 0]


def test_a_reading_is_repeated_before_it_is_stale(house: House, path: Path) -> None:
    house.stable.ask({path.name: ""})
    house.look()
    house.look(99)
    assert len(house.told) == 1
    house.look(1)
    assert [(one.name, one.policy, one.number, one.observed_at) for one in house.told] == [
        ("model_healthy", path.name, 1, NOON)
    ] * 2


def test_it_is_repeated_thrice_before_the_first_guard_calls_it_stale() -> None:
    checklist = load().checklist
    assert repeated_every(checklist) == SELDOM < 3600 / 3
    assert repeated_every(replace(checklist, guards=())) == SELDOM
    quick = [replace(one, stale_after=60) for one in checklist.guards if one.metric == HEALTH]
    assert repeated_every(replace(checklist, guards=tuple(quick))) == 20


def test_one_that_answers_no_finite_number_is_not_well_while_it_is_loaded(
    house: House, path: Path
) -> None:
    house.stable.ask({path.name: ""})
    house.look()
    policy = house.stable.now[path.name].policy
    assert policy is not None
    policy.is_finite = False
    house.look()
    house.look(4)
    assert house.numbers == [1, 0]
    assert "no finite number" in house.said[0]


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value")
@pytest.mark.parametrize(
    ("snapshot", "code"),
    [
        (encoder_alone, "SNAPSHOT_NO_POLICY"),
        (lambda: spoilt(tiny()), "MODEL_NOT_FINITE"),
        (lambda: _with(features=["return_4", "colour"]), "FEATURE_UNKNOWN"),
        (lambda: _with(acting={}, head={"inputs": 3}), "SNAPSHOT_UNREADABLE"),
        (lambda: _with(acting={"margin": -1}), "ACTING_INVALID"),
        (lambda: _with(classes={"means": [1, 2]}), "SNAPSHOT_UNREADABLE"),
        (lambda: _with(classes={"means": ["up"] * 5}), "SNAPSHOT_UNREADABLE"),
        (lambda: _with(symbols=[]), "SNAPSHOT_UNREADABLE"),
        (lambda: _with(interval_seconds=90), "SNAPSHOT_UNREADABLE"),
        (lambda: _with(symbols=["SOL/USDT", "ETH/USDT"]), "SNAPSHOT_UNREADABLE"),
        (lambda: _scaled({}), "SNAPSHOT_UNREADABLE"),
        (lambda: _scaled({"SOL/USDT": {"mean": [0.0] * 4, "sd": [0.0] * 4}}), "MODEL_NOT_FINITE"),
    ],
)
def test_what_cannot_trade_is_told_with_its_reason(
    house: House, snapshot: Callable[[], Snapshot], code: str
) -> None:
    path = put_model(house.folder, snapshot())
    house.stable.ask({path.name: ""})
    house.look()
    why = house.stable.now[path.name].why
    assert why is not None
    assert why.code == code


def _with(**changed: object) -> Snapshot:
    whole = tiny()
    return Snapshot(
        whole.kind, whole.weights, whole.arrays, {**whole.settings, **changed}, whole.scalers
    )


def _scaled(channels: dict[str, dict[str, list[float]]]) -> Snapshot:
    return replace(tiny(), scalers={**tiny().scalers, "channels": channels})


def test_another_training_is_another_digest() -> None:
    bars = wavy(datetime(2025, 3, 1, tzinfo=UTC), 300)
    assert trained_on(bars).digest == tiny().digest != trained_on(bars, seed=2).digest
