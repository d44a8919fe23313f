"""Setting a desk up by one command: what is made, what is said, and what is left alone."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from archives import written
from command_line import POLICY, ROOT, Run
from programs import check
from tiltyard.shell.maintenance.looks import LOOKS
from trained_policies import encoder_alone, put_model

MADE = [
    "alertmanager.yml", "grafana_dashboard.json", "live_ops_crontab", "prometheus_alerts.yml",
    "prometheus_scrape.yml", "tiltyard.service",
]  # fmt: skip


def texts(folder: Path) -> dict[str, str]:
    return {one.name: one.read_text("utf-8") for one in sorted((folder / "config").iterdir())}


def steps(out: str) -> list[str]:
    """What remains for a person."""
    return re.findall(r"^ *\d+\. (.*)$", out.partition("What remains for you:\n")[2], re.MULTILINE)


def test_everything_is_made_in_an_empty_folder_and_the_second_time_changes_nothing(
    run: Run, tmp_path: Path
) -> None:
    first = run("setup")
    assert (first.code, first.err) == (0, "")
    assert list(texts(tmp_path)) == MADE
    assert (tmp_path / "tiltyard.toml").is_file()
    assert (tmp_path / "desk.db").is_file()
    assert "champion: none is registered, so it is flat, which trades nothing" in first.out
    for part in LOOKS:
        assert re.search(rf"^(ok|attention) +{part}: ", first.out, re.MULTILINE), part
    made = texts(tmp_path)
    second = run("setup")
    assert second.code == 0
    assert "wrote" not in second.out
    assert texts(tmp_path) == made
    assert steps(second.out) == steps(first.out)


def test_other_programs_take_what_is_made(run: Run, tmp_path: Path) -> None:
    run("setup")
    config = tmp_path / "config"
    (config / "scrape.token").write_text("t")
    check("promtool", "check", "rules", config / "prometheus_alerts.yml")
    check("promtool", "check", "config", config / "prometheus_scrape.yml")
    check("amtool", "check-config", config / "alertmanager.yml")
    check("crontab", "-n", "-", text=(config / "live_ops_crontab").read_text("utf-8"))
    assert json.loads((config / "grafana_dashboard.json").read_text("utf-8"))["panels"]
    assert run("alerts", "validate", "--output", "config").code == 0


def test_the_files_are_those_that_the_other_commands_make(run: Run, tmp_path: Path) -> None:
    run("setup")
    made = texts(tmp_path)
    assert run("alerts", "generate", "--output", "config").code == 0
    assert run("alerts", "dashboard").code == 0
    assert texts(tmp_path) == made


def test_the_script_that_people_know_does_the_same(run: Run, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    model = put_model(tmp_path / "models")
    script = str(ROOT / "setup_live_ops.py")
    done = subprocess.run(
        [sys.executable, script, "--policy-sha", model.name[-8:], "--quick-setup"],
        cwd=tmp_path, env={**os.environ, "TILTYARD_DB": str(tmp_path / "desk.db")},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr.splitlines()[1:]) == (0, []), done.stderr
    by_script = texts(tmp_path)
    (arm,) = [one for one in json.loads(run("policy", "list", "--json").out)
              if one["policy"] == model.name]  # fmt: skip
    assert (arm["role"], arm["state"], arm["traffic_allocation"]) == (
        "challenger", "candidate", 0.0,
    )  # fmt: skip
    again = run("setup", "--policy", model.name, "--quick")
    assert again.code == 0
    assert f"policy: {model.name}, challenger, candidate, 0.0 %" in again.out
    assert texts(tmp_path) == by_script
    head = run("policy", "list").out
    assert run("setup", "--policy", model.name[-8:], "--quick").code == 0
    assert run("policy", "list").out == head, "it joins once"


def test_a_snapshot_that_is_not_known_is_checked_and_left_to_a_person(
    run: Run, tmp_path: Path
) -> None:
    model = put_model(tmp_path / "models")
    ran = run("setup", "--policy", model.name[-8:])
    assert ran.code == 0
    assert f"policy: {model.name}, a snapshot that is not registered, every byte" in ran.out
    assert steps(ran.out)[0].startswith(
        f"let {model.name} join as a challenger: tiltyard policy register {model.name}"
    )
    assert json.loads(run("policy", "list", "--json").out) == []


@pytest.mark.parametrize("words", [("--quick",), ()])
def test_a_snapshot_with_another_byte_is_refused_before_anything_is_made(
    run: Run, tmp_path: Path, words: tuple[str, ...]
) -> None:
    model = put_model(tmp_path / "models")
    with (model / "weights.safetensors").open("r+b") as file:
        file.seek(100)
        file.write(b"?")
    ran = run("setup", "--policy", model.name, *words)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("SNAPSHOT_TAMPERED")
    assert [one.name for one in tmp_path.iterdir()] == ["models"]


def test_what_nobody_is_called_is_refused_with_the_nearest_names(
    known: Run, tmp_path: Path
) -> None:
    before = sorted(one.name for one in tmp_path.iterdir())
    ran = known("setup", "--policy", "eee02a75")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("POLICY_UNKNOWN 'eee02a75': no policy in the ledger and no snapshot")
    assert f"did you mean {POLICY}?" in ran.err
    for odd in ("", "nobody", "../" + POLICY):
        assert known("setup", "--policy", odd).code == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == before


def test_an_end_that_an_arm_and_a_snapshot_share_is_ambiguous(run: Run, tmp_path: Path) -> None:
    model = written(tmp_path / "models", "20260301_120000", "dqn")
    end = model.name[-4:]
    assert run("policy", "register", f"other_20260101_000000_0000{end}").code == 0
    ran = run("setup", "--policy", end)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"POLICY_AMBIGUOUS {end}: 2 policies end so")
    assert not (tmp_path / "config").exists()


def test_an_encoder_is_no_policy(run: Run, tmp_path: Path) -> None:
    model = put_model(tmp_path / "models", encoder_alone())
    ran = run("setup", "--policy", model.name)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"SNAPSHOT_NO_POLICY {model.name}")


def test_wrong_settings_make_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tiltyard.toml").write_text("[jobs]\nweekly = 'never'\n")
    ran = run("setup")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("CONFIG_INVALID")
    assert [one.name for one in tmp_path.iterdir()] == ["tiltyard.toml"]


def test_what_somebody_has_edited_is_kept_with_the_difference_until_he_says_so(
    known: Run, tmp_path: Path
) -> None:
    known("setup")
    made = texts(tmp_path)
    routes = tmp_path / "config" / "alertmanager.yml"
    routes.write_text(made[routes.name] + "# mine\n", "utf-8")
    (tmp_path / "tiltyard.toml").write_text('[schedule]\nnightly = "05:00"\n')
    ran = known("setup")
    assert ran.code == 0
    assert "kept config/alertmanager.yml, which somebody has edited:" in ran.out
    assert "\n  -# mine\n" in ran.out
    assert "\x1b" not in ran.out
    assert "wrote config/live_ops_crontab" in ran.out
    assert "0 5 * * * cd" in texts(tmp_path)["live_ops_crontab"]
    assert routes.read_text("utf-8").endswith("# mine\n")
    assert steps(ran.out)[0].startswith("config/alertmanager.yml was edited")
    assert known("setup", "--force").code == 0
    assert texts(tmp_path)[routes.name] == made[routes.name]


def test_what_only_this_shell_says_is_named_and_not_told(
    known: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILTYARD_ALERTS_SCRAPE_TOKEN_FILE", "s3cret.token")
    ran = known("setup")
    (line,) = [one for one in steps(ran.out) if "your shell" in one]
    assert "TILTYARD_ALERTS_SCRAPE_TOKEN_FILE" in line
    assert "s3cret" not in line


def test_only_what_remains_is_told(known: Run, tmp_path: Path) -> None:
    before = steps(known("setup").out)
    (tmp_path / "config" / "scrape.token").write_text("t")
    (tmp_path / "tiltyard.toml").write_text(
        '[account]\ncapital = 1000\n[jobs]\nhosted = true\ndata = "bars"\n'
        '[alerts]\nmail_to = "a@b.example"\nmail_from = "c@b.example"\nsmarthost = "b.example:25"\n'
    )
    known("policy", "register", "prod", "--role", "champion", "--capital", "1")
    left = steps(known("setup").out)
    gone = [one for one in before if one not in left]
    assert [one.partition(":")[0] for one in gone if "cron" not in one] == [
        "name a champion, if one is to trade what challengers do not",
        "say what the account is worth", "name a folder of bars to retrain on",
        "Alertmanager tells nobody", "make the token that Prometheus shows to the desk",
    ]  # fmt: skip
    assert not any("crontab" in one for one in left), "the desk does it"


def test_a_desk_elsewhere_is_set_up_from_here(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "100 % mine"
    home.mkdir()
    assert run("setup", "--folder", home).code == 0
    assert list(texts(home)) == MADE
    assert not (tmp_path / "config").exists()
    told = texts(home)["live_ops_crontab"]
    assert rf"cd '{tmp_path}/100 \% mine' && " in told
    assert f"--db {tmp_path}/desk.db >>logs/jobs.log" in told
    missing = run("setup", "--folder", tmp_path / "nowhere")
    assert (missing.code, missing.err[:16]) == (2, "SETUP_UNSUITABLE")


def test_a_house_that_fails_is_set_up_and_the_command_says_so(run: Run, tmp_path: Path) -> None:
    model = written(tmp_path / "models", "20260301_120000", "dqn")
    (model / "weights.safetensors").write_bytes(b"wEights")
    ran = run("setup")
    assert ran.code == 1
    assert "failed     models: SNAPSHOT_TAMPERED" in ran.out
    assert list(texts(tmp_path)) == MADE
