"""Verbs over HTTP are the commands of the ledger, with a token's name behind them."""

from served import Served
from tiltyard.shell.store.command_table import every_command
from tiltyard.shell.store.ledger import Ledger


def test_a_verb_is_a_command_with_who_asked_and_why(served: Served) -> None:
    with served.asking("operate", "read", name="ann") as ann:
        done = ann.post("/v1/policies/bot1/throttle", json={"reason": "looks odd"}).json()
        assert done["verb"] == "throttle"
        assert "bot1" in done["done"]
    with Ledger.open(served.database) as ledger, ledger.snapshot() as still:
        command, outcome = every_command(still.connection)[-1]
    assert (command.verb, command.actor, command.reason) == ("throttle", "ann", "looks odd")
    assert outcome is not None
    assert not outcome.refused


def test_the_same_key_is_one_command_and_another_under_it_is_refused(served: Served) -> None:
    key = {"Idempotency-Key": "only once"}
    with served.asking("operate") as ann:
        first = ann.post("/v1/policies/bot2/halt", json={}, headers=key)
        again = ann.post("/v1/policies/bot2/halt", json={}, headers=key)
        assert first.status_code == again.status_code == 200
        assert "was asked before" in again.json()["done"]
        other = ann.post("/v1/policies/bot3/halt", json={}, headers=key)
        assert (other.status_code, other.json()["error"]["code"]) == (409, "KEY_TAKEN")
    with Ledger.open(served.database) as ledger:
        assert ledger.roster().arms["bot3"].state == "probation"


def test_what_is_refused_says_why_in_the_words_of_the_command_line(served: Served) -> None:
    with served.asking("operate", "approve") as ann:
        answer = ann.post("/v1/policies/nobody/halt", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "POLICY_UNKNOWN")
        assert ann.post("/v1/policies/bot4/throttle", json={}).status_code == 200
        answer = ann.post("/v1/policies/bot4/rearm", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "REVIEW_OPEN")
        answer = ann.post("/v1/reviews/999/acknowledge", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "REVIEW_UNKNOWN")
        answer = ann.post("/v1/policies", json={"policy": "x", "capital": "-1"})
        assert answer.status_code == 422


def test_a_policy_may_join(served: Served) -> None:
    with served.asking("operate", "read") as ann:
        said = {"policy": "trend_20260101_000000_deadbeef", "capital": "5000", "share": 0.05}
        assert ann.post("/v1/policies", json=said).status_code == 200
        (arm,) = [one for one in ann.get("/v1/policies").json()["policies"]
                  if one["policy"] == said["policy"]]  # fmt: skip
        assert (arm["kind"], arm["capital"], arm["role"]) == ("trend", "5000", "challenger")


def test_a_long_reason_does_not_keep_a_halt_waiting(served: Served) -> None:
    with served.asking("operate") as ann:
        answer = ann.post("/v1/policies/bot1/halt", json={"reason": "x" * 5000})
        assert answer.status_code == 200, answer.text


def test_who_may_not_approve_gives_nobody_more_than_others_begin_with(served: Served) -> None:
    said = {"policy": "trend_20260101_000000_feedbeef", "capital": "5000", "share": 0.3}
    with served.asking("operate") as ann:
        answer = ann.post("/v1/policies", json=said)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "SCOPE_MISSING")
    with served.asking("operate", "approve") as joe:
        assert joe.post("/v1/policies", json=said).status_code == 200
