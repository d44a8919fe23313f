"""The statement by which people change a share, as the page shows it, in both stores."""

import os
import re
import shutil
from pathlib import Path

import pytest

from conformance.desks import CHAMPION, FIRST, challenger, employ, run_sql, shares
from docs.pages import DOCS, Command, NamedFile, run, steps
from tiltyard.shell.store.ledger import Ledger

PAGE = DOCS / "how-to" / "run-the-desk.md"
ON_SQLITE = ("sqlite3", "tiltyard.db")
ON_POSTGRES = ("psql", "postgresql://user@host/database")


def statements() -> str:
    (shown,) = [
        one for one in steps(PAGE) if isinstance(one, NamedFile) and one.name == "share.sql"
    ]
    return shown.body


def line_of(program: str) -> str:
    """What the page says to type."""
    (line,) = re.findall(rf"^{program} .*share\.sql$", PAGE.read_text("utf-8"), re.MULTILINE)
    return str(line)


@pytest.fixture
def floor(ledger: Ledger) -> Ledger:
    employ(ledger, challenger(FIRST, 0.1))
    return ledger


def test_the_statement_changes_the_share_and_the_champion_has_the_rest(floor: Ledger) -> None:
    change, _ = statements().strip().split("\n\n")
    assert run_sql(floor, change) == 1
    assert (shares(floor)[FIRST], shares(floor)[CHAMPION]) == (0.12, 0.88)


def test_the_program_of_the_store_takes_it_as_the_page_says(floor: Ledger, tmp_path: Path) -> None:
    is_file = floor.url.get_backend_name() == "sqlite"
    program, example = ON_SQLITE if is_file else ON_POSTGRES
    if shutil.which(program) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")
    url = floor.url.set(drivername="postgresql").render_as_string(hide_password=False)
    where = str(floor.url.database) if is_file else f"'{url}'"
    (tmp_path / "share.sql").write_text(statements(), "utf-8")
    line = line_of(program)
    assert example in line
    done = run(Command(line.replace(example, where), ""), tmp_path)
    assert done.returncode == 0, done.stdout
    assert re.search(rf"{FIRST}\W+0\.12\b", done.stdout), done.stdout
    assert shares(floor)[FIRST] == 0.12
