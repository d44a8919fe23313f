"""The crontab: Debian's own program takes it, and its entries run where cron runs them."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from programs import check, program
from setup.places import NOW, command, entries, place, settings, written
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.as_made import is_edited
from tiltyard.shell.sections.jobs import JobSettings
from tiltyard.shell.setup.crontab import crontab
from tiltyard.shell.setup.installed import _step
from tiltyard.shell.setup.place import Place, refuse_unsuitable
from tiltyard.shell.store.ledger import Ledger
from waiting import until

GOLDEN = Path(__file__).parents[1] / "golden"
JOBS = ["nightly", "refresh", "weekly", "health"]
ODD = [
    "plain",
    "with a space",
    "100 % sure",
    "%H",
    "it's",
    'a "quoted" one',
    "$HOME",
    "a;b & c",
    "ü",
]
BARE = {"HOME": "/root", "LOGNAME": "root", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
"""What Debian's cron gives a command of root."""


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_it_reads_as_it_did(zone: str) -> None:
    where = Place(Path("/srv/a desk"), Path("/srv/venv/bin/python"), "root")
    text = crontab(settings(zone), where, (ZoneInfo("UTC"), "Etc/UTC"), NOW, "tiltyard.toml")
    assert text == (GOLDEN / f"crontab_{zone.partition('/')[0].lower()}.txt").read_text("utf-8")


@pytest.mark.parametrize("folder", ODD)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_crontab_takes_it(tmp_path: Path, folder: str, zone: str) -> None:
    file = tmp_path / "crontab"
    file.write_text(written(tmp_path / folder, settings(zone)), "utf-8")
    check("crontab", "-n", "-", text=file.read_text("utf-8"))


def test_crontab_refuses_what_is_no_crontab(tmp_path: Path) -> None:
    """So that it is known that it would."""
    file = tmp_path / "crontab"
    file.write_text(written(tmp_path, settings()).replace("0 2 *", "0 25 *"), "utf-8")
    done = subprocess.run(
        [program("crontab"), "-n", file.name], check=False, capture_output=True, cwd=tmp_path
    )
    assert done.returncode == 1


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("machine", ["UTC", "Asia/Kolkata"])
def test_every_job_is_there_once_by_its_settings(zone: str, machine: str) -> None:
    jobs = JobSettings(weekly="monday 04:30", health="24 h")
    found = entries(written(Path("/d"), settings(zone, "23:50", jobs), machine))
    assert list(found) == JOBS
    assert found["health"].startswith("0 0 * * * ")
    if zone == machine:
        assert [found[job].split(" cd ")[0] for job in JOBS[:3]] == [
            "50 23 * * *", "5 0 * * *", "30 4 * * 1"
        ]  # fmt: skip


def test_where_the_desk_does_it_cron_is_left_nothing() -> None:
    text = written(Path("/d"), settings(jobs=JobSettings(hosted=True)))
    assert entries(text) == {}
    assert "# 0 2 * * * cd /d" in text
    assert "the running desk does all this by itself" in text


def test_one_that_was_edited_is_known(tmp_path: Path) -> None:
    text = written(tmp_path, settings())
    assert not is_edited(text)
    assert is_edited(text.replace("0 2 *", "0 4 *"))
    assert is_edited(text + "* * * * * true\n")


@pytest.mark.parametrize("folder", ODD)
def test_an_entry_runs_with_what_cron_gives_it(tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder
    home.mkdir()
    database = str(home / "desk 50 %.db")
    Ledger.open(database, create=True).close()
    entry = entries(written(home, settings(), database=database))["nightly"]
    done = subprocess.run(
        ["/bin/sh", "-c", command(entry)], env=BARE, cwd="/", check=False,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    said = (home / "logs" / "jobs.log").read_text("utf-8")
    assert "scale done" in said


@pytest.mark.parametrize(("hours", "runs"), [(("02 01", "03 01"), True), (("02 02",), False)])
def test_an_entry_of_another_zone_asks_before_it_runs(
    tmp_path: Path,
    hours: tuple[str, ...],
    runs: bool,  # noqa: FBT001 a table
) -> None:
    """A ``date`` that says what we want it to is first on the path."""
    (tmp_path / "date").write_text(
        '#!/bin/sh\ntest "$TZ" = Europe/Berlin || exit 1\n'
        f'case "$*" in "+%H") echo {hours[-1][:2]} ;; "-d 1 hour ago +%H") echo {hours[-1][3:]} ;; '
        "*) exit 1 ;; esac\n"
    )
    (tmp_path / "date").chmod(0o755)
    entry = command(entries(written(tmp_path, settings("Europe/Berlin")))["nightly"])
    told = entry.replace(f"{sys.executable} -m tiltyard jobs run nightly", "echo ran")
    environment = {**BARE, "PATH": f"{tmp_path}:{BARE['PATH']}"}
    subprocess.run(["/bin/sh", "-c", told], env=environment, cwd="/", check=True, timeout=60)
    assert (tmp_path / "logs" / "jobs.log").exists() is runs


@pytest.mark.parametrize("name", ["back\\slash", "line\nbreak", "bell\a"])
def test_what_cron_cannot_be_told_is_refused(tmp_path: Path, name: str) -> None:
    for odd in (place(tmp_path / name), place(tmp_path, str(tmp_path / name))):
        with pytest.raises(TiltyardError, match="SETUP_UNSUITABLE"):
            refuse_unsuitable(odd)


def test_what_is_longer_than_cron_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TiltyardError, match="is longer than cron takes"):
        written(tmp_path / ("x/" * 500), settings())


def test_the_longest_command_that_is_made_is_one_that_cron_takes(tmp_path: Path) -> None:
    file = tmp_path / "crontab"
    longest = 0
    for letters in range(700, 1000):
        try:
            text = written(Path("/" + "x" * letters), settings("Europe/Berlin"))
        except TiltyardError:
            break
        longest = max(map(len, (one.split(maxsplit=5)[5] for one in entries(text).values())))
        file.write_text(text, "utf-8")
    assert longest > 980
    check("crontab", "-n", "-", text=file.read_text("utf-8"))


def test_no_password_is_written(tmp_path: Path) -> None:
    with pytest.raises(TiltyardError, match=r"~/\.pgpass"):
        refuse_unsuitable(place(tmp_path, "postgresql://me:s3cret@host/desk"))
    for name in ("password", "sslpassword"):
        with pytest.raises(TiltyardError, match=r"~/\.pgpass"):
            refuse_unsuitable(place(tmp_path, f"postgresql://me@host/desk?{name}=s3cret"))
    refuse_unsuitable(place(tmp_path, "postgresql://me@host/desk"))


def test_a_person_is_told_what_his_own_crontab_needs(tmp_path: Path) -> None:
    file, ours = tmp_path / "live ops", written(tmp_path, settings())
    older = written(tmp_path, settings(nightly="05:00"))
    assert _step("", file, ours) == f"have cron go by it: crontab '{file}'"
    assert _step(ours, file, ours) == ""
    assert _step(f"0 1 * * * mine\n{ours}", file, ours) == ""
    assert _step(f"{older}0 1 * * * mine\n", file, ours).startswith("crontab -e, and put")
    assert "(crontab -l; cat" in _step("0 1 * * * mine\n", file, ours)
    assert "go by the new one" in _step(older, file, ours)
    assert _step(f"0 1 * * * mine\n{older}", file, ours).startswith("crontab -e")


def unshared() -> list[str]:
    """A shell in which nothing that cron reads is that of this machine; skips without leave."""
    tool = shutil.which("unshare")
    if tool is None or os.geteuid() != 0:
        pytest.skip("only root may give a cron of its own its own tables")
    tried = subprocess.run([tool, "-m", "mount", "-t", "tmpfs", "none", "/var/spool/cron"],
                           check=False, capture_output=True)  # fmt: skip
    if tried.returncode != 0:
        pytest.skip(f"no mounts may be made here: {tried.stderr.decode().strip()}")
    return [tool, "-m"]


ALONE = """
set -e
for folder in /var/spool/cron /etc/cron.d /run; do mount -t tmpfs -o mode=755 none $folder; done
mkdir -m 1730 /var/spool/cron/crontabs && chgrp crontab /var/spool/cron/crontabs
: > /tmp/none.$$ && mount --bind /tmp/none.$$ /etc/crontab && rm /tmp/none.$$
"$1" "$2"
exec "$3" -f
"""


@pytest.mark.parametrize("folder", ["100 % sure"])
def test_cron_itself_runs_an_entry_within_its_minute(tmp_path: Path, folder: str) -> None:
    cron, install = program("cron"), program("crontab")
    begin = unshared()
    home = tmp_path / folder
    home.mkdir()
    Ledger.open(str(home / "tiltyard.db"), create=True).close()
    text = written(home, settings())
    minutely = entries(text)["nightly"].replace("0 2 * * *", "* * * * *")
    file = tmp_path / "crontab"
    head = text[: text.index("\n# each night")]
    file.write_text(f"{head}\n{minutely}\n", "utf-8")
    log = home / "logs" / "jobs.log"
    with subprocess.Popen([*begin, "sh", "-c", ALONE, "sh", install, file.name, cron], cwd=tmp_path,
                          stderr=subprocess.PIPE, text=True) as process:  # fmt: skip
        try:
            until(
                lambda: (
                    process.poll() is not None
                    or (log.is_file() and "scale done" in log.read_text("utf-8"))
                ),
                within=150,
            )
        finally:
            process.kill()
        said = process.stderr.read() if process.stderr is not None else ""
    assert log.is_file(), said
    assert pwd.getpwuid(log.stat().st_uid).pw_name == "root"
