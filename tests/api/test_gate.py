"""Who may come in, and how much may be brought."""

import json
import re
from datetime import timedelta

import httpx
import pytest

from served import Served, trade
from tiltyard.shell.clock import system_now
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.token_table import (
    SCOPES,
    Scope,
    Token,
    add_token,
    find_token,
    hash_of,
    revoke_token,
)
from waiting import until

ADDRESSES: list[tuple[str, str, tuple[Scope, ...]]] = [
    *(("POST", f"/v1/{kind}", ("ingest",))
      for kind in ("trades", "marks", "observations", "decisions", "heartbeats", "route")),
    *(("POST", f"/v1/policies/bot0/{verb}", ("operate",))
      for verb in ("halt", "throttle", "retire", "rollback")),
    *(("POST", f"/v1/policies/bot0/{verb}", ("approve",)) for verb in ("approve", "rearm")),
    *(("POST", f"/v1/{verb}", ("operate",))
      for verb in ("policies", "freeze", "stop-all", "scale", "alerts", "reviews/1/acknowledge",
                   "messages/1/acknowledge")),
    ("POST", "/v1/resume", ("approve",)),
    ("GET", "/v1/route", ("ingest", "read")),
    *(("GET", f"/v1/{what}", ("read",)) for what in ("policies", "reviews", "alerts")),
    ("GET", "/metrics", ("read",)),
]  # fmt: skip
LINKS = {(method, "/v1/acknowledge/{secret}") for method in ("GET", "POST")}
"""Whoever has one needs no token."""


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_every_address_of_the_description_is_in_this_table(served: Served) -> None:
    told = httpx.get(f"{served.url}/openapi.json").json()["paths"]
    here = {(method, re.sub("bot0", "{policy}", re.sub("/1/", "/{number}/", path)))
            for method, path, _ in ADDRESSES}  # fmt: skip
    there = {(method.upper(), path) for path, methods in told.items() for method in methods}
    assert there == here | LINKS | {("GET", "/healthz"), ("GET", "/readyz")}


@pytest.mark.parametrize(("method", "path", "scopes"), ADDRESSES)
def test_nobody_comes_in_without_a_token_of_the_scope(
    served: Served, method: str, path: str, scopes: tuple[Scope, ...]
) -> None:
    others = [scope for scope in SCOPES if scope not in scopes]
    answer = httpx.request(method, served.url + path, json={})
    assert code(answer) == (401, "TOKEN_MISSING")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    wrong = {"Authorization": "Bearer tiltyard_guessed"}
    answer = httpx.request(method, served.url + path, json={}, headers=wrong)
    assert code(answer) == (401, "TOKEN_REFUSED")
    with served.asking(*others) as somebody:
        answer = somebody.request(method, path, json={})
        assert code(answer) == (403, "SCOPE_MISSING")
        assert " or ".join(scopes) in answer.json()["error"]["facts"]


def test_one_whose_time_is_over_is_out(served: Served) -> None:
    now = system_now()
    with Ledger.open(served.database) as ledger, ledger.transaction() as inside:
        over = Token("over", frozenset({"read"}), now - timedelta(days=2), now - timedelta(days=1))
        add_token(inside.connection, over, "secret of over", "test")
    headers = {"Authorization": "Bearer secret of over"}
    assert code(httpx.get(f"{served.url}/v1/policies", headers=headers)) == (401, "TOKEN_REFUSED")


def test_one_that_was_let_in_is_out_soon_after_it_is_revoked(served: Served) -> None:
    with served.asking("read", name="gone") as somebody:
        assert somebody.get("/v1/policies").status_code == 200
        with Ledger.open(served.database) as ledger, ledger.transaction() as inside:
            assert revoke_token(inside.connection, "gone", system_now(), "test")
            assert not revoke_token(inside.connection, "gone", system_now(), "test")
        until(lambda: somebody.get("/v1/policies").status_code == 401)


def test_who_guesses_is_slowed_down_and_keeps_nobody_else_out(served: Served) -> None:
    with served.asking("read") as somebody:
        assert somebody.get("/v1/policies").status_code == 200
        with httpx.Client(base_url=served.url) as guesser:
            guesses = [
                guesser.get("/v1/policies", headers={"Authorization": f"Bearer guess-{n}"})
                for n in range(300)
            ]
        codes = {code(one) for one in guesses}
        assert codes == {(401, "TOKEN_REFUSED"), (429, "TOO_FAST")}
        assert somebody.get("/v1/policies").status_code == 200


def test_the_ledger_keeps_no_secret(served: Served) -> None:
    secret = served.token("read", name="hashed")
    with Ledger.open(served.database) as ledger, ledger.snapshot() as still:
        found = find_token(still.connection, hash_of(secret))
        assert found is not None
        assert found.name == "hashed"
        rows = still.connection.exec_driver_sql("SELECT * FROM tokens").fetchall()
        audit = "".join(row.body for row in still.audit())
    assert secret not in str(rows) + audit


def test_what_is_too_large_is_refused_whether_it_says_so_or_not(served: Served) -> None:
    with served.asking("ingest") as bot:
        batch = {"trades": [trade(number) for number in range(1001)]}
        assert code(bot.post("/v1/trades", json=batch)) == (413, "BATCH_TOO_LARGE")
        body = json.dumps({"trades": [trade(1, pnl="1" * 2_000_000)]}).encode()
        assert code(bot.post("/v1/trades", content=body)) == (413, "BATCH_TOO_LARGE")
        pieces = iter([body[:700_000], body[700_000:1_400_000], body[1_400_000:]])
        answer = bot.post("/v1/trades", content=pieces)
        assert code(answer) == (413, "BATCH_TOO_LARGE")
        assert bot.post("/v1/trades", json={"trades": []}).status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"trades": 7}', b"[" * 20_000]
)
def test_what_is_malformed_is_refused(served: Served, body: bytes) -> None:
    with served.asking("ingest") as bot:
        headers = {"Content-Type": "application/json"}
        answer = bot.post("/v1/trades", content=body, headers=headers)
        assert answer.status_code in {400, 422}, answer.text
        assert answer.json()["error"]["code"] in {"REQUEST_MALFORMED", "REQUEST_INVALID"}


def test_an_address_that_is_none_has_the_same_shape(served: Served) -> None:
    assert code(httpx.get(f"{served.url}/v1/nothing")) == (404, "ADDRESS_UNKNOWN")
    assert code(httpx.delete(f"{served.url}/v1/route")) == (405, "ADDRESS_UNKNOWN")
