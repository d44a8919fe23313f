"""Who may talk to the desk over HTTP."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from command_line import Run


def test_a_secret_is_shown_once_and_kept_nowhere(run: Run, tmp_path: Path) -> None:
    made = run("token", "create", "bot-1", "--scope", "ingest", "--scope", "read", "--days", "3")
    assert made.code == 0
    secret = made.out.strip()
    assert secret.startswith("tiltyard_")
    assert len(secret) > 40
    listed = run("token", "list")
    assert listed.out.startswith("bot-1  good     read ingest  until ")
    (row,) = json.loads(run("token", "list", "--json").out)
    assert (row["name"], row["state"], row["scopes"]) == ("bot-1", "good", ["read", "ingest"])
    assert secret not in listed.out
    for file in tmp_path.glob("desk.db*"):
        assert secret.encode() not in file.read_bytes()


def test_each_has_a_secret_of_its_own_and_a_name_is_used_once(run: Run) -> None:
    made = {run("token", "create", f"bot-{n}", "--scope", "ingest").out for n in range(5)}
    assert len(made) == 5
    again = run("token", "create", "bot-3", "--scope", "read")
    assert (again.code, again.err[:11]) == (2, "TOKEN_NAMED")


def test_what_is_revoked_stays_so_and_the_audit_tells(run: Run, tmp_path: Path) -> None:
    run("token", "create", "ann", "--scope", "approve", "--actor", "joe")
    assert run("token", "revoke", "ann", "--actor", "eve").out == "ann is shut out\n"
    assert run("token", "revoke", "ann").out == "ann was shut out before\n"
    assert run("token", "list").out == "ann  revoked  approve\n"
    with closing(sqlite3.connect(tmp_path / "desk.db")) as database:
        bodies = [json.loads(body) for (body,) in database.execute("SELECT body FROM audit")]
    assert [(one["event"], one["actor"], one["name"]) for one in bodies] == [
        ("token", "joe", "ann"), ("token_revoked", "eve", "ann")
    ]  # fmt: skip


def test_what_is_mistyped_is_said(run: Run) -> None:
    wrong = run("token", "create", "ann", "--scope", "reed")
    assert wrong.code == 2
    assert wrong.err == "SCOPE_UNKNOWN 'reed': no token may do that. did you mean 'read'?\n"
    assert run("db", "upgrade").code == 0
    assert run("token", "list").out.startswith("nobody may talk to the desk over HTTP")
    assert run("token", "revoke", "nobody").err.startswith("TOKEN_UNKNOWN nobody")
