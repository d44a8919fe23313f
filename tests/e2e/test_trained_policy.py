"""A trained policy, from its snapshot to the desk: registered, loaded beside it, played again."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from command_line import Run
from e2e.test_run import desk_of, told_to_stop
from e2e.test_starting import SLOW, loaded
from floors import put_bars
from held_folders import is_held
from tiltyard.kernel.clock import time_text
from tiltyard.market.bar import HOUR
from tiltyard.shell.clock import system_now
from tiltyard.shell.commanding import give_back, take
from tiltyard.shell.store.command_table import pending_commands
from tiltyard.shell.store.ledger import Ledger
from trained_policies import encoder_alone, put_model, tiny, trained_on, wavy
from waiting import until

CHAMPION = "trend_20250301_000000_c4a3b105"
TOML = '[market]\nfeed = "bars"\n'


@pytest.fixture
def floor(run: Run, tmp_path: Path) -> Run:
    """A champion that follows averages, and bars until the last full hour."""
    (tmp_path / "tiltyard.toml").write_text(TOML, "utf-8")
    joined = run("policy", "register", CHAMPION, "--role", "champion", "--capital", "10000")
    assert joined.code == 0
    hour = system_now().replace(minute=0, second=0, microsecond=0)
    (tmp_path / "bars").mkdir()
    put_bars(tmp_path / "bars" / "SOL_USDT-1h.parquet", wavy(hour - 150 * HOUR, 150))
    return run


@pytest.fixture
def name(tmp_path: Path) -> str:
    return put_model(tmp_path / "models").name


def health(folder: Path) -> list[tuple[str, float]]:
    with Ledger.open(str(folder / "desk.db")) as ledger:
        found = [one for one in ledger.observations() if one.name == "model_healthy"]
    return [(one.policy, one.number) for one in found]


def test_a_snapshot_is_registered_by_the_end_of_its_name_and_traded_by_a_desk(
    floor: Run, tmp_path: Path, name: str
) -> None:
    joined = floor("policy", "register", name[-8:], "--capital", "10000")
    assert (joined.code, joined.err) == (0, "")
    assert joined.out == f"{name}: challenger, probation, traffic 10.0 %\n"
    (told,) = (one for one in json.loads(floor("policy", "list", "--json").out)
               if one["policy"] == name)  # fmt: skip
    assert (told["kind"], told["digest"]) == ("tabnet", tiny().digest)
    assert told["created_at"] == "2025-04-30T12:00:00Z"
    ended = floor("run", "--once")
    assert ended.code == 0, ended.err
    assert f"{name} is traded by its model\n" in ended.err
    assert ": 2 arms, nothing open\n" in ended.err
    assert health(tmp_path) == [(name, 1)]
    with Ledger.open(str(tmp_path / "desk.db")) as ledger:
        assert [one.episode_id.split()[0] for one in ledger.decisions()] == ["SOL/USDT"]


def test_nobody_removes_a_snapshot_until_it_is_registered(
    floor: Run, tmp_path: Path, name: str
) -> None:
    """Somebody else acts just now, so its registration waits."""
    with Ledger.open(str(tmp_path / "desk.db")) as ledger, ThreadPoolExecutor(1) as pool:
        token = take(ledger, "a desk", system_now())
        assert token is not None
        joining = pool.submit(floor, "policy", "register", name, "--capital", "10000")
        until(lambda: joining.done() or waits(ledger))
        assert is_held(tmp_path / "models")
        give_back(ledger, token)
        joined = joining.result()
    assert joined.out == f"{name}: challenger, probation, traffic 10.0 %\n", joined.err
    assert not is_held(tmp_path / "models")


def waits(ledger: Ledger) -> bool:
    """Whether a command does."""
    with ledger.snapshot() as still:
        return bool(pending_commands(still.connection))


def test_a_snapshot_that_was_registered_without_capital_is_given_it_later(
    floor: Run, name: str
) -> None:
    waits = floor("policy", "register", name)
    assert (waits.code, "it waits: give --capital" in waits.out) == (0, True), waits.out
    for words, said in (
        (["--share", "0.1"], "only its capital can still be said. leave --share out"),
        (["--kind", "trend"], "OPTION_IDLE --kind"),
    ):
        refused = floor("policy", "register", name, "--capital", "10000", *words)
        assert refused.code == 2
        assert said in refused.err
    joined = floor("policy", "register", name[-8:], "--capital", "10000")
    assert (joined.code, joined.err) == (0, "")
    assert joined.out == f"{name}: challenger, probation, traffic 10.0 %\n"


def test_a_running_desk_loads_who_joins_and_says_when_the_model_is_another(
    floor: Run, tmp_path: Path, name: str
) -> None:
    with desk_of(tmp_path, "--interval", "1") as desk:
        assert floor("policy", "register", name, "--capital", "10000").code == 0
        assert desk.stderr is not None
        while "is traded by its model" not in desk.stderr.readline():
            pass
        assert health(tmp_path) == [(name, 1)]
        (tmp_path / "models" / name / "weights.safetensors").write_bytes(b"other")
        assert f"{name} is not healthy: SNAPSHOT_TAMPERED " in desk.stderr.readline()
        until = time.monotonic() + 30
        assert desk.stdout is not None
        while "model_unhealthy" not in (line := desk.stdout.readline()):
            assert time.monotonic() < until
        assert f"  halt  {name}: model_healthy < 1 [model_unhealthy]" in line
        told_to_stop(desk)
    assert health(tmp_path) == [(name, 1), (name, 0)]


def test_a_mistyped_snapshot_gets_no_traffic_unless_somebody_says_what_it_is(
    floor: Run,
) -> None:
    trained = "tabnet_20261126_200407_deadbee"
    for mistyped, other in ((f"{trained}f", f"{trained}e"), ("4bf", "4b")):
        refused = floor("policy", "register", mistyped, "--capital", "10000")
        assert (refused.code, refused.out) == (1, "")
        assert refused.err.startswith(f"SNAPSHOT_MISSING {mistyped}: no snapshot in models is")
        assert floor("policy", "register", mistyped, "--kind", "tabnet").code == 0
        step = json.loads(floor("report", mistyped, "--json").out)["next_step"]
        assert step.endswith(f"policy register {mistyped} --kind tabnet --capital X")
        assert floor("policy", "register", other, "--digest", other[-2:] * 32).code == 0
    assert floor("policy", "register", "my bot").code == 0


def test_what_is_wrong_with_a_snapshot_is_told_before_anything_is_registered(
    floor: Run, tmp_path: Path, name: str
) -> None:
    encoder = put_model(tmp_path / "models", encoder_alone()).name
    for words, code, said in (
        ([encoder], 2, f"SNAPSHOT_NO_POLICY {encoder}"),
        ([name, "--digest", "0" * 64], 2, f"DIGEST_DIFFERS {name}"),
        ([name, "--kind", "trend"], 2, "OPTION_IDLE --kind"),
        (["models/nothing"], 1, "SNAPSHOT_MISSING models/nothing"),
    ):
        refused = floor("policy", "register", *words, "--capital", "10000")
        assert (refused.code, refused.err[: len(said)]) == (code, said), refused.err
    (tmp_path / "models" / name / "manifest.json").write_text("{}")
    assert floor("policy", "register", name).err.startswith("SNAPSHOT_TAMPERED ")
    assert len(json.loads(floor("policy", "list", "--json").out)) == 2


def test_a_snapshot_from_elsewhere_is_copied_to_where_a_desk_looks(
    floor: Run, tmp_path: Path
) -> None:
    path = put_model(tmp_path / "elsewhere")
    joined = floor("policy", "register", f"elsewhere/{path.name}", "--capital", "10000")
    assert joined.code == 0, joined.err
    assert joined.err == f"copied to models/{path.name}, where a desk looks for it\n"
    assert (tmp_path / "models" / path.name / "manifest.json").is_file()


def test_what_it_makes_of_bars_that_it_knows_is_nowhere_told_as_a_test(
    floor: Run, tmp_path: Path
) -> None:
    hour = system_now().replace(minute=0, second=0, microsecond=0)
    until = hour - 60 * HOUR
    name = put_model(tmp_path / "models", trained_on(wavy(until - 200 * HOUR, 200))).name
    assert floor("policy", "register", name, "--capital", "10000").code == 0
    knows = f"it knows these bars until {until:%Y-%m-%d %H:%M}Z"
    ran = floor("replay", "--bars", "bars", "--into", "kept.db", "--html", "page.html")
    assert ran.code == 0, ran.err
    assert f"Not a test of {name}: {knows}.\n" in ran.err
    (said,) = (line for line in ran.out.splitlines() if line.startswith("Not a test of "))
    told = json.loads(floor("report", name, "--db", "kept.db", "--json").out)["known_bars"]
    assert told["until"] == time_text(until)
    assert 0 < told["trades"] < told["of"]
    counted = f"{knows}, and opened {told['trades']} of its {told['of']} trades before then."
    assert said == f"Not a test of {name}: {counted}"
    shutil.rmtree(tmp_path / "models")
    assert f"  Not a test: {counted}\n" in floor("report", name, "--db", "kept.db").out
    assert floor("report", "--db", "kept.db", "--html", "report.html").code == 0
    asked = floor("report", "--actions", "--db", "kept.db", "--html", "actions.html")
    assert f"{said}\n" in asked.out
    for page in ("page.html", "report.html", "actions.html"):
        assert (tmp_path / page).read_text("utf-8").count(said) == 1, page
    assert f"{said}\n" in floor("report", "--rules", "--db", "kept.db").out
    for which in ("--actions", "--rules"):
        whole = json.loads(floor("report", which, "--db", "kept.db", "--json").out)
        assert whole["known_bars"] == [{"policy": name, **told}], which


def test_a_replay_tells_programs_of_each_action_whether_it_is_a_test(
    floor: Run, tmp_path: Path
) -> None:
    hour = system_now().replace(minute=0, second=0, microsecond=0)
    until = hour - 60 * HOUR
    name = put_model(tmp_path / "models", trained_on(wavy(until - 200 * HOUR, 200))).name
    for arm in (name, "breakout_20250101_000000_00000001"):
        assert floor("policy", "register", arm, "--capital", "10000").code == 0

    def knew(*words: str) -> dict[str, bool]:
        rows = map(json.loads, floor("replay", "--bars", "bars", "--json", *words).out.splitlines())
        return {row["policy"].partition("_")[0]: row["knew_bars"] for row in rows}

    assert knew() == {"tabnet": True, "breakout": False}
    assert knew("--since", time_text(until)) == {"tabnet": False, "breakout": False}


def test_a_desk_that_trades_later_bars_is_reported_with_the_health_of_its_models(
    floor: Run, tmp_path: Path, name: str
) -> None:
    assert floor("policy", "register", name, "--capital", "10000").code == 0
    assert floor("run", "--once").code == 0
    told = json.loads(floor("report", name, "--json").out)
    assert told["known_bars"] is None
    healthy = told["metrics"]["model_healthy"]
    assert (healthy["value"], healthy["verdict"]) == (1, "pass")
    assert told["metrics"]["encoder_kl_divergence"]["verdict"] == "unknown"
    rule = json.loads(floor("report", CHAMPION, "--json").out)
    assert not {"model_healthy", "encoder_kl_divergence"} & rule["metrics"].keys()
    assert "Not a test" not in floor("report").out
    assert not loaded(tmp_path, "report") & SLOW
