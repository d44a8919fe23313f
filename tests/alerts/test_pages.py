"""Pages for people keep up with the rules: the reference, and a runbook for every alert."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from docs.pages import DOCS, rows
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.shell.alerts.in_words import limit
from tiltyard.shell.alerts.made import rules_of
from tiltyard.shell.alerts.rule import Rule
from tiltyard.shell.alerts.rule_file import runbook_of
from tiltyard.shell.alerts.standing import Standing
from tiltyard.shell.cli import app
from tiltyard.shell.settings import Settings

RUNBOOKS = DOCS / "how-to" / "runbooks"
EVERY = rules_of(Settings(checklist=DEFAULT_CHECKLIST))
GUARDS = {guard.name: guard for guard in DEFAULT_CHECKLIST.guards}
HEADINGS = ["What the desk has done", "Look", "Do", "When it ends"]


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*")} == {alert.name for alert in EVERY}
    default = Settings(checklist=DEFAULT_CHECKLIST).alerts.runbooks
    for alert in EVERY:
        assert (DOCS.parent / runbook_of(alert, default)).is_file(), alert.name


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_is_short_and_says_what_to_look_at_with_commands_that_are(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert len(text.split()) < 250, "nobody reads more at night"
    typed = re.findall(r"^(tiltyard .+)$|`(tiltyard [^`]+)`", text, re.MULTILINE)
    for line in (one or other for one, other in typed):
        _refuse_unknown(line.split()[1:], typer.main.get_command(app))
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / link).exists(), link


def _refuse_unknown(words: list[str], command: object) -> None:
    known = getattr(command, "commands", None)
    if known is not None:
        assert words[0] in known, words
        _refuse_unknown(words[1:], known[words[0]])
        return
    options = {name for param in command.params for name in param.opts}  # type: ignore[attr-defined]  # typer's own
    assert {word for word in words if word.startswith("--")} <= options, words


def test_the_reference_lists_every_alert_as_it_is() -> None:
    told = rows("alerts.md", "## The alerts")
    own = [alert for alert in EVERY if alert.group != "unknown"]
    assert list(told) == [*(alert.name for alert in own), "GuardUnknown"]
    for alert in own:
        cells = [cell.strip() for cell in told[alert.name].strip("|").split("|")]
        lasts = f"{alert.seconds} s" if alert.seconds else "at once"
        assert cells == [
            f"`{alert.guard}`", alert.severity, _flag(alert), lasts, f"`{alert.effect}`",
            alert.scope,
        ]  # fmt: skip


def _flag(alert: Rule) -> str:
    guard = GUARDS.get(alert.guard)
    if guard is None:
        return ""
    also = f" and `{guard.only_if[0]} {guard.only_if[1]}`" if guard.only_if else ""
    return f"`{guard.metric} {limit(guard)}`{also}"


def test_the_reference_shows_every_expression_as_it_is() -> None:
    text = (DOCS / "reference" / "alerts.md").read_text("utf-8").partition("## Expressions")[2]
    shown = re.findall(r"```promql\n(.+?)\n```", text, re.DOTALL)
    own = [alert.expression for alert in EVERY if alert.group != "unknown"]
    unknown = {a.unknown_guard: a.expression for a in EVERY if a.group == "unknown"}
    examples = ("challenger_drawdown_high", "account_balance_low")
    assert shown == [*own, *(unknown[name] for name in examples)]


def test_every_field_of_an_alert_in_json_has_a_row() -> None:
    assert set(rows("json.md", "## An alert")) == {field.name for field in fields(Standing)}
    assert set(rows("json.md", "## All alerts")) == {"generated_at", "alerts"}


def test_every_family_that_a_rule_asks_for_is_one_that_the_desk_shows() -> None:
    told = (DOCS / "reference" / "prometheus.md").read_text("utf-8")
    shown = set(re.findall(r"`(tiltyard_[a-z0-9_]+)`", told))
    asked = {name for a in EVERY for name in re.findall(r"tiltyard_[a-z0-9_]+", a.expression)}
    assert asked <= shown
