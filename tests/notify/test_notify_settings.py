"""Who is told, as the settings say it; an address in them is refused, and never repeated."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tiltyard.kernel.errors import Faults
from tiltyard.shell.sections.notify import NotifySettings, Recipient
from tiltyard.shell.settings import Settings, load

SECRET = "json://user:passw0rd@host/tok3n"  # noqa: S105 that it is one is what is tested


def read(folder: Path, text: str) -> Settings:
    file = folder / "tiltyard.toml"
    file.write_text(text, "utf-8")
    return load(file)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(Faults) as caught:
        read(folder, text)
    said = str(caught.value)
    assert "passw0rd" not in said
    assert "tok3n" not in said
    return said


def test_nobody_is_told_by_default() -> None:
    notify = load().notify
    assert (notify.recipient, notify.quiet_hours, notify.escalate_after) == ((), None, 15)


def test_recipients_are_read_with_what_they_leave_out(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        '[notify]\nquiet = "22:00-07:00"\nlink = "https://desk.example/"\n'
        '[[notify.recipient]]\nname = "ann"\naddress_file = "a"\n'
        '[[notify.recipient]]\nname = "bob"\naddress_env = "BOB"\nescalation = true\n',
    )
    ann, bob = settings.notify.recipient
    assert ann == Recipient(name="ann", address_file="a", severities=("critical", "warning"))
    assert (ann.target, bob.escalation) == ("notify:ann", True)
    assert settings.notify.link == "https://desk.example"


def test_the_environment_gives_recipients_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_NOTIFY_RECIPIENT", '[{"name": "ann", "address_env": "ANN"}]')
    assert [one.name for one in load().notify.recipient] == ["ann"]


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    said = refused(
        tmp_path,
        '[notify]\nquiet = "07:00-07:00"\nescalate_after = 2000\nlink = "ftp://desk"\n'
        f'[[notify.recipient]]\nname = "an n"\naddress_file = "{SECRET}"\n'
        f'[[notify.recipient]]\nname = "bob"\naddress_env = "{SECRET}"\nseverities = []\n'
        '[[notify.recipient]]\nname = "eve"\naddress_env = "E"\nseverities = ["urgent"]\n',
    )
    for fault in (
        "they begin when they end: leave them out, or name a span @ $.notify.quiet",
        "less than or equal to 1440 @ $.notify.escalate_after",
        "expected an address that begins with http:// or https:// and a host @ $.notify.link",
        "expected up to 40 letters, digits, and _ . - @ $.notify.recipient.0.name",
        "name the file that holds the address @ $.notify.recipient.0.address_file",
        "name the variable that holds the address @ $.notify.recipient.1.address_env",
        "of nothing: leave the recipient out @ $.notify.recipient.1.severities",
        "'critical', 'warning' or 'info' @ $.notify.recipient.2.severities.0",
    ):
        assert fault in said


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('name = "a"', "give address_file or address_env, one of them"),
        ('name = "a"\naddress_file = "f"\naddress_env = "E"', "one of them"),
        (f'name = "a"\naddress = "{SECRET}"', "unknown setting 'address'"),
        (
            'name = "a"\naddress_env = "E"\nescalation = true\nseverities = ["warning"]',
            "escalation is of what is critical",
        ),
        (
            'name = "a"\naddress_env = "E"\n[[notify.recipient]]\nname = "a"\naddress_env = "E"',
            "more than one is called a",
        ),
    ],
)
def test_a_recipient_who_cannot_be_told_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    assert fault in refused(tmp_path, f"[[notify.recipient]]\n{text}\n")


def test_who_would_never_be_told_is_refused(tmp_path: Path) -> None:
    said = refused(
        tmp_path,
        '[notify]\nescalate_after = 0\n[[notify.recipient]]\nname = "bob"\naddress_env = "B"\n'
        "escalation = true\n",
    )
    assert "bob would never be told: escalate_after is 0" in said


@pytest.mark.parametrize(
    ("link", "is_taken"),
    [
        ("http://127.0.0.1:8420", True),
        ("http://localhost:8420", True),
        ("http://192.168.1.7:8420", True),
        ("http://[::1]:8420", True),
        ("http://desk.example", False),
        ("http://8.8.8.8", False),
    ],
)
def test_a_link_is_a_secret_and_goes_unencrypted_through_ones_own_network_alone(
    link: str, *, is_taken: bool
) -> None:
    if is_taken:
        assert NotifySettings(link=link).link == link
    else:
        with pytest.raises(ValidationError, match="a link is a secret"):
            NotifySettings(link=link)
