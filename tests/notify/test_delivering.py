"""Messages reach real receivers, once, in order, late if they must, and addresses reach nobody."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from live_desks import append, fall
from notify.desks import HOUR, MINUTE, SECOND, desk
from notify.phones import Phone, mail_server, ntfy, phone, recipient, telling
from receivers import SECRET, drips, says
from records import BOT, CHAMPION
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.shell.effects.delivery import ATTEMPTS_FOR_PEOPLE, Patience
from tiltyard.shell.settings import ScheduleSettings
from tiltyard.shell.store.page_table import linked_page
from tiltyard.shell.targets.person_target import recipients, refuse_unusable

HALTED = "bot halted: drawdown 5 % > 4 %"
FROZEN = "All challengers lost their traffic, by ann"
STOPPED = "Nobody enters any more, by ann"


@pytest.fixture
def ann() -> Iterator[Phone]:
    with phone() as found:
        yield found


def test_a_halt_arrives_at_a_webhook_as_text_with_its_key(ann: Phone, tmp_path: Path) -> None:
    with desk(tmp_path, telling(recipient(tmp_path, "ann", ann.address))) as found:
        found.halt()
        assert found.deliver().applied == 1
        assert found.deliver().sent == 0
    (said,) = ann.told
    assert (said["title"], said["type"]) == (HALTED, "failure")
    lines = said["message"].splitlines()
    assert lines[0] == "traffic 10.0 % -> 0 %, halted; only a person re-arms"
    assert lines[-2:] == ["page 1: tiltyard notify ack 1 --reason …", "Mon 02 Jun 12:02:00 UTC"]
    assert ann.keys == ["page-1-notify:ann"]


def test_a_halt_arrives_as_mail(tmp_path: Path) -> None:
    with (
        mail_server() as server,
        desk(tmp_path, telling(recipient(tmp_path, "ann", server.address))) as found,
    ):
        found.halt()
        assert found.deliver().applied == 1
        (mail,) = server.mails
    assert mail["Subject"] == HALTED
    assert mail["To"] == "ann@tiltyard.example"
    assert mail["Idempotency-Key"] == "page-1-notify:ann"
    assert mail.get_content_type() == "text/plain"
    text = mail.get_content()
    assert "traffic 10.0 % -> 0 %" in text
    assert "page 1: tiltyard notify ack 1 --reason …" in text.splitlines()


def test_a_halt_arrives_at_ntfy(tmp_path: Path) -> None:
    with (
        ntfy() as server,
        desk(tmp_path, telling(recipient(tmp_path, "ann", server.address))) as found,
    ):
        server.receiver.script = [says(200, b'{"id": "x"}')]
        found.halt()
        assert found.deliver().applied == 1
        (said,) = server.told
    assert (said["title"], said["topic"]) == (HALTED, SECRET)
    assert said["message"].startswith("traffic 10.0 % -> 0 %")


def test_who_is_down_for_an_hour_gets_everything_once_in_order_and_is_told_when_it_was(
    ann: Phone, tmp_path: Path
) -> None:
    down = [says(503)] * 40
    with desk(tmp_path, telling(recipient(tmp_path, "ann", ann.address))) as found:
        ann.receiver.script = list(down)
        found.ask("freeze")
        found.ask("stop_all")
        began = found.now
        while found.now - began < HOUR:
            found.deliver(10 * SECOND)
        tried = len(ann.told)
        assert set(ann.titles) == {FROZEN}, "the second waits for the first"
        assert tried < 25, "less and less often"
        ann.receiver.script.clear()
        for _ in range(40):
            found.deliver(10 * SECOND)
        assert ann.titles[tried:] == [FROZEN, STOPPED]
        assert len(set(ann.keys)) == 2
        assert {one.state for one in found.effects} == {"applied"}
        late = ann.told[-1]["message"].splitlines()[-1]
        assert late.startswith("Mon 02 Jun 12:01:02 UTC, told 6"), late


def test_it_is_given_up_after_a_day_of_trying_and_not_before() -> None:
    waits = [Patience().wait(failures) for failures in range(1, ATTEMPTS_FOR_PEOPLE)]
    assert sum(waits, timedelta()) >= timedelta(hours=24) > sum(waits[:-1], timedelta())


def test_what_nobody_takes_for_a_day_is_given_up_for_what_is_behind_it(
    ann: Phone, tmp_path: Path
) -> None:
    with desk(tmp_path, telling(recipient(tmp_path, "ann", "json://127.0.0.1:1/"))) as found:
        found.ask("freeze")
        found.ask("stop_all")
        began = found.now
        while found.effects[0].state == "requested":
            found.deliver(5 * MINUTE)
        assert timedelta(hours=24) < found.now - began < timedelta(hours=25)
        assert found.effects[1].state == "requested", "its own day begins now"
        recipient(tmp_path, "ann", ann.address)
        for _ in range(2):
            found.deliver(5 * MINUTE)
        assert [one.state for one in found.effects] == ["failed", "applied"]
        assert ann.titles == [STOPPED]


def test_quiet_hours_keep_back_what_is_not_critical_and_nothing_else(
    ann: Phone, tmp_path: Path
) -> None:
    settings = telling(recipient(tmp_path, "ann", ann.address), quiet="13:00-20:00")
    berlin = {"schedule": ScheduleSettings(timezone="Europe/Berlin")}
    with desk(tmp_path, settings.model_copy(update=berlin)) as found:  # noon is 14:00 there
        found.ask("freeze")
        found.halt()
        assert found.deliver().applied == 1
        assert ann.titles == [HALTED], "what is critical does not wait behind what does"
        found.ask("stop_all")
        evening = datetime(2025, 6, 2, 18, tzinfo=UTC)
        assert found.deliver(evening - found.now - SECOND).sent == 0
        assert found.deliver(SECOND).sent == 2
        assert ann.titles[1:] == [FROZEN, STOPPED]
        assert ann.told[1]["message"].endswith(" CEST, told 5 h 58 min later")


def test_an_attempt_that_failed_before_quiet_hours_is_not_made_again_in_them(
    ann: Phone, tmp_path: Path
) -> None:
    settings = telling(recipient(tmp_path, "ann", ann.address), quiet="12:02-12:30")
    with desk(tmp_path, settings) as found:
        ann.receiver.script = [says(503)]
        found.ask("freeze")
        assert found.deliver().postponed == 1
        assert found.deliver(2 * MINUTE).sent == 0
        assert len(ann.told) == 1
        assert found.deliver(HOUR).sent == 1


def test_each_recipient_is_told_for_themselves(ann: Phone, tmp_path: Path) -> None:
    lost = recipient(tmp_path, "bob", "json://127.0.0.1:1/")
    with desk(tmp_path, telling(lost, recipient(tmp_path, "ann", ann.address))) as found:
        found.halt()
        done = found.deliver()
        assert (done.applied, done.postponed) == (1, 1)
        assert ann.titles == [HALTED]


def test_what_waits_for_somebody_who_is_taken_out_of_the_settings_is_given_up(
    ann: Phone, tmp_path: Path
) -> None:
    bob = recipient(tmp_path, "bob", "json://127.0.0.1:1/")
    settings = telling(recipient(tmp_path, "ann", ann.address), bob)
    with desk(tmp_path, settings) as found:
        found.halt()
        found.deliver()
        without = telling(recipient(tmp_path, "ann", ann.address))
        assert found.deliver(MINUTE, without).unnamed == 1
        states = {one.target: one.state for one in found.effects}
        assert states == {"notify:ann": "applied", "notify:bob": "failed"}
        assert [one.acknowledged_at for one in found.pages] == [None]


def test_an_address_is_read_anew_each_time(ann: Phone, tmp_path: Path) -> None:
    with desk(tmp_path, telling(recipient(tmp_path, "ann", ann.address))) as found:
        (tmp_path / "ann.address").unlink()
        found.halt()
        assert found.deliver().postponed == 1
        assert "cannot be read: No such file" in found.effects[0].told
        recipient(tmp_path, "ann", ann.address)
        assert found.deliver(MINUTE).applied == 1


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "has 0 lines, expected one"),
        (b"json://a\njson://b\n", "has 2 lines, expected one"),
        (b"\xff\xfe", "is no text"),
        (b"x" * 9000, "is too large for an address"),
        (b"nonsense", "none that Apprise knows"),
        (b"nothing://such-a-service/tok3n", "none that Apprise knows"),
        (b"tgram://tok3n", "none that Apprise knows"),
    ],
)
def test_an_address_that_cannot_be_used_is_said_before_a_desk_starts(
    tmp_path: Path, content: bytes | None, fault: str
) -> None:
    settings = telling(recipient(tmp_path, "ann", ""), recipient(tmp_path, "bob", ""))
    for name in ("ann", "bob"):
        file = tmp_path / f"{name}.address"
        file.unlink()
        if content is not None:
            file.write_bytes(content)
    with pytest.raises(Faults, match="CONFIG_INVALID") as caught:
        refuse_unusable(settings)
    said = str(caught.value)
    assert said.count(fault) == 2, "all faults at once"
    assert "@ $.notify.recipient.1" in said
    assert "tok3n" not in said


def test_a_variable_that_is_not_set_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = recipient(tmp_path, "ann", "").model_copy(
        update={"address_file": "", "address_env": "ANN_ADDRESS"}
    )
    with pytest.raises(Faults, match="the variable ANN_ADDRESS is not set"):
        refuse_unusable(telling(one))
    monkeypatch.setenv("ANN_ADDRESS", "json://127.0.0.1/")
    refuse_unusable(telling(one))


@pytest.mark.parametrize(
    ("status", "code", "facts"),
    [
        (403, "TARGET_REFUSED", "JSON answered 403"),
        (404, "TARGET_REFUSED", "JSON answered 404"),
        (429, "TARGET_UNREACHABLE", "JSON answered 429"),
        (500, "TARGET_UNREACHABLE", "JSON answered 500"),
    ],
)
def test_what_a_service_answers_is_told_by_its_number_alone(
    ann: Phone, tmp_path: Path, status: int, code: str, facts: str
) -> None:
    ann.receiver.script = [says(status, f"no such {SECRET}".encode())]
    with desk(tmp_path, telling(recipient(tmp_path, "ann", ann.address))) as found:
        found.halt()
        (target,) = recipients(found.settings)
        with pytest.raises(TiltyardError, match=code) as caught:
            target.send(found.effects[0])
    assert caught.value.facts == facts


@pytest.mark.parametrize("service", ["json", "ntfy", "mailto"])
@pytest.mark.parametrize("way", ["taken", "refused", "nobody there", "no http"])
def test_no_log_error_or_table_has_the_address(
    service: str, way: str, ann: Phone, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    caplog.set_level(1)
    logging.getLogger("apprise").setLevel(1)
    port = 1 if way == "nobody there" else int(ann.receiver.url.split(":")[2].split("/")[0])
    ann.receiver.script = {
        "refused": [says(403, SECRET.encode())] * 9, "no http": [drips(b"nonsense")] * 9,
    }.get(way, [])  # fmt: skip
    ask = "?from=a@tiltyard.example&to=b@tiltyard.example&rto=0.3&cto=0.3"
    where = f"{service}://user:{SECRET}@127.0.0.1:{port}/{SECRET}{ask}"
    link = "https://desk.example"
    settings = telling(recipient(tmp_path, "ann", where), link=link)
    with desk(tmp_path, settings) as found:
        refuse_unusable(settings)
        found.halt()
        ann.receiver.released.set() if way == "no http" else None
        found.deliver()
        told = found.effects[0].told
        rows = json.dumps([row.body for row in found.ledger.audit()])
    out, err = capfd.readouterr()
    database = b"".join(file.read_bytes() for file in tmp_path.glob("tiltyard.db*"))
    for text in (caplog.text, told, rows, out, err):
        assert SECRET not in text
        assert "127.0.0.1" not in text
    assert SECRET.encode() not in database


def test_the_secret_of_a_link_is_in_the_message_and_its_hash_alone_in_the_database(
    ann: Phone, tmp_path: Path
) -> None:
    settings = telling(recipient(tmp_path, "ann", ann.address), link="https://desk.example/t")
    with desk(tmp_path, settings) as found:
        found.halt()
        found.ask("freeze")
        ann.receiver.script = [says(503)]
        found.deliver()
        found.deliver(MINUTE)
        links = [
            line.removeprefix("Acknowledge: https://desk.example/t/v1/acknowledge/")
            for said in ann.told
            for line in said["message"].splitlines()
            if line.startswith("Acknowledge")
        ]
        assert len(links) == 2 == len(set(links)), "one for each time it was sent, pages alone"
        with found.ledger.snapshot() as still:
            for secret in links:
                page, whose = linked_page(still.connection, secret, found.now) or (None, "")
                assert page is not None
                assert (page.number, whose) == (1, "notify:ann")
            week = found.now + timedelta(days=7)
            assert linked_page(still.connection, links[1], week - SECOND) is not None
            assert linked_page(still.connection, links[1], week) is None
            assert linked_page(still.connection, "another", found.now) is None
        database = b"".join(file.read_bytes() for file in tmp_path.glob("tiltyard.db*"))
        assert not [secret for secret in links if secret.encode() in database]


def test_two_arms_that_fall_in_one_step_are_two_pages_in_order(ann: Phone, tmp_path: Path) -> None:
    with desk(tmp_path, telling(recipient(tmp_path, "ann", ann.address))) as found:
        append(found.ledger, [fall(), fall(CHAMPION, 701)], found.now)
        found.step(SECOND)
        found.deliver()
        assert ann.keys == [f"page-{page.number}-notify:ann" for page in found.pages]
        assert ann.titles[0] == HALTED
        assert found.live.roster.arms[BOT].state == "halted"


def test_times_are_told_in_the_time_zone_of_the_schedule(tmp_path: Path) -> None:
    settings = telling(recipient(tmp_path, "ann", "json://127.0.0.1/"))
    zone = {"schedule": ScheduleSettings(timezone="Europe/Berlin")}
    (one,) = recipients(settings.model_copy(update=zone))
    assert one.zone == ZoneInfo("Europe/Berlin")
