"""``tiltyard report --rules`` as a person meets it."""

import json

import pytest

from command_line import POLICY, Run


def test_the_command_reads_the_ledger_and_writes_nothing(run: Run) -> None:
    assert run("policy", "register", POLICY, "--role", "champion", "--capital", "10000").code == 0
    ran = run("report", "--rules")
    assert (ran.code, ran.out) == (
        0, "What other rules would have made: undefined (warming: no opportunity has closed yet)\n"
    )  # fmt: skip
    told = json.loads(run("report", "--rules", "--json", "--at", "2025-07-01T00:00Z").out)
    assert (told["generated_at"], told["state"]) == ("2025-07-01T00:00:00Z", "no_champion")


@pytest.mark.parametrize(
    "words",
    [("--actions",), ("--trades",), ("--check",), ("--html", "page.html"), (POLICY,)],
    ids=lambda words: words[0],
)
def test_what_would_do_nothing_beside_it_is_refused(run: Run, words: tuple[str, ...]) -> None:
    ran = run("report", "--rules", *words)
    assert (ran.code, ran.err.split()[0]) == (2, "OPTION_IDLE")
