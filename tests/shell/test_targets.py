"""The two targets against real files and a real server."""

import json
import logging
import os
import runpy
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from docs.pages import DOCS, NamedFile, steps
from full_disks import full_disk
from receivers import (
    SECRET,
    Answer,
    Receiver,
    drips,
    effect,
    floods,
    hangs,
    listening,
    says,
    writes,
)
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.shell.replaying.conditions import Conditions
from tiltyard.shell.settings import load
from tiltyard.shell.targets import FileTarget, targets_from
from tiltyard.shell.targets.exchange import MOST_UNDER_WAY
from tiltyard.shell.targets.webhook_target import WebhookTarget

PROMPT = 30.0
IMPATIENT = 0.2
MB_10 = b" " * (10 << 20)


def told(path: Path) -> object:
    return json.loads(path.read_text("utf-8"))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def error_of(call: Callable[[], object]) -> TiltyardError:
    with pytest.raises(TiltyardError) as caught:
        call()
    return caught.value


# The file


def test_a_file_holds_body_and_key_readable_for_all_and_nothing_is_left_beside_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "shares.json"
    umask = os.umask(0o077)
    try:
        FileTarget(path).send(effect())
    finally:
        os.umask(umask)
    assert told(path) == {"key": "shares:7", "revision": 7, "shares": {"bot": "0.1"}}
    assert path.stat().st_mode & 0o777 == 0o644
    assert names_in(tmp_path) == ["shares.json"]
    assert FileTarget(path).has(effect())


def test_a_file_is_replaced_and_never_written_into(tmp_path: Path) -> None:
    path = tmp_path / "shares.json"
    target = FileTarget(path)
    target.send(effect(revision=6))
    with path.open("rb") as reader:
        target.send(effect(revision=7))
        assert json.load(reader)["revision"] == 6, "who has it open reads the old one to its end"
    assert told(path)["revision"] == 7  # type: ignore[index] # it is an object


def test_shares_that_are_there_already_are_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "shares.json"
    FileTarget(path).send(effect())
    before = path.stat().st_ino
    FileTarget(path).send(effect())
    assert path.stat().st_ino == before


def test_newer_shares_are_never_replaced_by_older_ones(tmp_path: Path) -> None:
    path = tmp_path / "shares.json"
    target = FileTarget(path)
    newer, older = effect(key="b", revision=8), effect(key="a", revision=7)
    target.send(newer)
    error = error_of(lambda: target.send(older))
    assert error.code == "TARGET_REFUSED"
    assert "revision 8, newer than revision 7" in error.facts
    assert target.has(newer)
    assert target.has(older) is False


@pytest.mark.parametrize(
    "there",
    [b"", b"garbage", b"[1]", b"[" * 100_000, b"\xff\xfe", b'{"revision": true}', b'{"revision":6}',
     b'{"key":"shares:7","revision":7}'],
)  # fmt: skip
def test_a_file_that_is_not_these_shares_is_known_as_such_and_replaced(
    tmp_path: Path, there: bytes
) -> None:
    path = tmp_path / "shares.json"
    path.write_bytes(there)
    target = FileTarget(path)
    assert target.has(effect()) is False
    target.send(effect())
    assert target.has(effect())


def test_there_is_no_file_before_the_first_shares(tmp_path: Path) -> None:
    assert FileTarget(tmp_path / "shares.json").has(effect()) is False


def test_what_a_killed_desk_left_behind_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".shares.json.new").write_text('{"revi', encoding="utf-8")
    FileTarget(tmp_path / "shares.json").send(effect())
    assert names_in(tmp_path) == ["shares.json"]


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    link = tmp_path / "shares.json"
    link.symlink_to("volume/real.json")
    FileTarget(link).send(effect())
    assert link.is_symlink()
    assert FileTarget(tmp_path / "volume" / "real.json").has(effect())


def a_folder(folder: Path) -> Path:
    (folder / "shares.json").mkdir()
    return folder / "shares.json"


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "shares.json")
    return folder / "shares.json"


@pytest.mark.parametrize(
    ("place", "facts"),
    [
        (a_folder, "Is a directory"),
        (a_pipe, "not a plain file"),
        (lambda _: Path("/dev/full"), "not a plain file"),
        (lambda folder: folder / "none" / "shares.json", "No such file or directory"),
        (lambda folder: folder / ("x" * 300), "File name too long"),
        (lambda _: Path("/proc/shares.json"), ""),
    ],
    ids=["a folder", "a pipe", "a device", "no folder", "too long a name", "not for writing"],
)
def test_a_place_that_cannot_be_written_is_tried_again_and_left_as_it_is(
    tmp_path: Path, place: Callable[[Path], Path], facts: str
) -> None:
    path = place(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    error = error_of(lambda: FileTarget(path).send(effect()))
    assert (error.code, error.subject) == ("TARGET_UNREACHABLE", str(path.resolve()))
    assert facts in error.facts
    assert sorted(tmp_path.rglob("*")) == before


def test_a_read_only_folder_is_said_to_be_one(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    nobody = 65534
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(nobody)
    try:
        error = error_of(lambda: FileTarget(tmp_path / "shares.json").send(effect()))
    finally:
        if is_root:
            os.seteuid(0)
    assert (error.code, error.facts) == ("TARGET_UNREACHABLE", "Permission denied")


def test_a_write_that_is_cut_short_leaves_the_old_shares(tmp_path: Path) -> None:
    path = tmp_path / "shares.json"
    target = FileTarget(path)
    target.send(effect(revision=6))
    with full_disk(10):
        error = error_of(lambda: target.send(effect(revision=7)))
    assert (error.code, error.facts) == ("TARGET_UNREACHABLE", "File too large")
    assert target.has(effect(revision=6))
    assert names_in(tmp_path) == ["shares.json"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a disk of 4 KB")
    yield disk
    subprocess.run(["/usr/bin/umount", str(disk)], check=True)


def test_a_full_disk_leaves_the_old_shares_and_no_litter(small_disk: Path) -> None:
    path = small_disk / "shares.json"
    target = FileTarget(path)
    target.send(effect(revision=6))
    error = error_of(lambda: target.send(effect(revision=7)))
    assert (error.code, error.facts) == ("TARGET_UNREACHABLE", "No space left on device")
    assert target.has(effect(revision=6))
    assert names_in(small_disk) == ["shares.json"]


def test_two_desks_do_not_write_at_the_same_time(tmp_path: Path) -> None:
    script = (
        "import fcntl, os, sys\n"
        "fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    target = FileTarget(tmp_path / "shares.json")
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        error = error_of(lambda: target.send(effect()))
        assert other.stdin is not None
        other.stdin.close()
    assert (error.code, error.facts) == ("TARGET_UNREACHABLE", "another process is writing it")
    target.send(effect())
    assert target.has(effect())


@pytest.mark.parametrize(
    ("wrong", "facts"),
    [(effect("notice", "n"), "takes no notice"), (effect(revision="7"), "no revision")],
)
def test_a_file_takes_shares_with_a_revision_only(
    tmp_path: Path, wrong: object, facts: str
) -> None:
    error = error_of(lambda: FileTarget(tmp_path / "f").send(wrong))  # type: ignore[arg-type]
    assert error.code == "TARGET_REFUSED"
    assert facts in error.facts


# The webhook


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as one:
        yield one


def test_a_webhook_is_told_the_body_its_key_and_its_kind(receiver: Receiver) -> None:
    WebhookTarget(receiver.url, PROMPT).send(effect(key="shares:ü\n 7%"))
    (asked,) = receiver.asked
    assert (asked.method, asked.path) == ("POST", f"/{SECRET}")
    assert asked.body.decode() == effect().body
    assert asked.headers["idempotency-key"] == "shares:%C3%BC%0A%207%"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["tiltyard-kind"] == "shares"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_says_taken(receiver: Receiver, status: int) -> None:
    receiver.script = [says(status)]
    WebhookTarget(receiver.url, PROMPT).send(effect())
    assert [asked.method for asked in receiver.asked] == ["POST"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422, 499])
def test_a_4xx_is_a_final_refusal(receiver: Receiver, status: int) -> None:
    receiver.script = [says(status)]
    error = error_of(lambda: WebhookTarget(receiver.url, PROMPT).send(effect()))
    assert (error.code, error.facts) == ("TARGET_REFUSED", f"it answered {status}")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 599])
def test_anything_else_is_tried_again(receiver: Receiver, status: int) -> None:
    receiver.script = [says(status)]
    error = error_of(lambda: WebhookTarget(receiver.url, PROMPT).send(effect()))
    assert (error.code, error.facts) == ("TARGET_UNREACHABLE", f"it answered {status}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.script = [says(status, headers={"Location": receiver.url + "/elsewhere"})]
    error = error_of(lambda: WebhookTarget(receiver.url, PROMPT).send(effect()))
    assert error.code == "TARGET_UNREACHABLE"
    assert "not followed" in error.remedy
    assert len(receiver.asked) == 1


NO_HTTP = [
    b"POST /%s HTTP/1.1\r\n\r\n" % SECRET.encode(),
    b"\x00\xff" * 1000,
    b"",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
]


@pytest.mark.parametrize("raw", NO_HTTP, ids=["an echo", "noise", "nothing", "endless headers"])
def test_an_answer_that_is_no_http_is_tried_again(receiver: Receiver, raw: bytes) -> None:
    receiver.script = [writes(raw), writes(raw)]
    target = WebhookTarget(receiver.url, PROMPT)
    assert error_of(lambda: target.send(effect())).code == "TARGET_UNREACHABLE"
    assert error_of(lambda: target.has(effect())).code == "TARGET_UNREACHABLE"


@pytest.mark.parametrize(
    "slow",
    [hangs, drips(b""), drips(b"HTTP/1.1 200 OK\r\nX-Slow: ")],
    ids=["silent", "x", "header"],
)
def test_an_answer_that_takes_too_long_is_cut_off(receiver: Receiver, slow: Answer) -> None:
    receiver.script = [slow]
    error = error_of(lambda: WebhookTarget(receiver.url, IMPATIENT).send(effect()))
    assert (error.code, error.facts) == ("TARGET_UNREACHABLE", "no answer within 0.2 s")


@pytest.mark.parametrize(
    "head", [b"Content-Length: 9000\r\n", b""], ids=["of known length", "open"]
)
def test_a_body_that_drips_is_cut_off(receiver: Receiver, head: bytes) -> None:
    receiver.script = [drips(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")]
    error = error_of(lambda: WebhookTarget(receiver.url, IMPATIENT).has(effect()))
    assert (error.code, error.facts) == ("TARGET_UNREACHABLE", "no answer within 0.2 s")


def test_10_mb_of_an_answer_are_not_read(receiver: Receiver) -> None:
    receiver.script = [says(200, MB_10), says(200, b'{"key":"shares:7"}' + MB_10)]
    target = WebhookTarget(receiver.url, PROMPT)
    target.send(effect())
    assert target.has(effect()) is None
    receiver.script = [floods]
    assert target.has(effect()) is None


def test_a_name_that_cannot_be_connected_is_tried_again() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        target = WebhookTarget(f"http://127.0.0.1:{unused.getsockname()[1]}/{SECRET}", PROMPT)
        error = error_of(lambda: target.send(effect()))
    assert error.code == "TARGET_UNREACHABLE"
    assert "refused" in error.facts


class Hangs:
    """A look-up of names that hangs until it is released; what it finds is right."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self._find = socket.getaddrinfo

    def __call__(self, *asked: Any) -> Any:  # noqa: ANN401 as in socket
        self.released.wait(PROMPT)
        return self._find(*asked)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hangs]:
    """Whoever looks up a name hangs."""
    look_up = Hangs()
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield look_up
    look_up.released.set()


def under_way() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "exchange"]


def test_a_look_up_that_hangs_is_given_up_and_nothing_is_sent_when_it_ends(
    receiver: Receiver, hanging: Hangs
) -> None:
    target = WebhookTarget(receiver.url, IMPATIENT)
    error = error_of(lambda: target.send(effect()))
    assert (error.code, error.facts) == (
        "TARGET_UNREACHABLE", "not looked up and connected within 0.2 s",
    )  # fmt: skip
    assert SECRET not in str(error)
    (left,) = under_way()
    hanging.released.set()
    left.join(PROMPT)
    assert not left.is_alive()
    assert not receiver.asked
    WebhookTarget(receiver.url, PROMPT).send(effect())
    assert len(receiver.asked) == 1


def test_look_ups_that_hang_do_not_pile_up(receiver: Receiver, hanging: Hangs) -> None:
    target = WebhookTarget(receiver.url, IMPATIENT)
    facts = [error_of(lambda: target.send(effect())).facts for _ in range(MOST_UNDER_WAY + 2)]
    assert len(under_way()) == MOST_UNDER_WAY
    assert facts[-1] == facts[-2] == "4 earlier attempts still hang in its look-up"
    hanging.released.set()
    for left in under_way():
        left.join(PROMPT)
    target._exchanges._seconds = PROMPT
    target.send(effect())
    assert len(receiver.asked) == 1


def test_a_resolver_that_never_answers_holds_up_nobody(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:5\n")
    (tmp_path / "nsswitch.conf").write_text("hosts: files dns\n")
    script = (
        "import socket, sys\n"
        "from receivers import effect\n"
        "from tiltyard.kernel.errors import TiltyardError\n"
        "from tiltyard.shell.targets.webhook_target import WebhookTarget\n"
        "resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "resolver.bind(('127.0.0.1', 53))\n"
        "try:\n"
        "    WebhookTarget('http://bots.example/', 0.5).send(effect())\n"
        "except TiltyardError as error:\n"
        "    print(error, len(resolver.recv(512)) > 0)\n"
    )
    apart = (
        'mount --bind "$1/resolv.conf" /etc/resolv.conf && '
        'mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf && '
        'ip link set lo up && echo apart && exec "$2" -c "$3"'
    )
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    done = subprocess.run(
        ["/usr/bin/unshare", "-m", "-n", "/bin/sh", "-c", apart, "sh", str(tmp_path),
         sys.executable, script],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path},
        timeout=PROMPT,
    )  # fmt: skip
    if not done.stdout.startswith("apart"):
        pytest.skip(f"this user may not have a network and a resolver apart: {done.stderr.strip()}")
    assert done.stdout == (
        "apart\nTARGET_UNREACHABLE http://bots.example/…: not looked up and connected within "
        "0.5 s True\n"
    )


def test_a_name_whose_first_address_is_dead_is_reached_at_the_second(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.2", 0), backlog=0) as dead, ExitStack() as stack:
        for _ in range(8):  # nobody accepts these, and then the kernel answers nobody
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(dead.getsockname())
        alive = ("127.0.0.1", port_of(receiver.url))
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        found = [(*kind, address) for address in (dead.getsockname(), alive)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
        WebhookTarget("http://bots.example/", 3.0).send(effect())
    assert len(receiver.asked) == 1


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


def test_http_where_https_is_expected_is_tried_again(receiver: Receiver) -> None:
    target = WebhookTarget(receiver.url.replace("http:", "https:"), PROMPT)
    assert error_of(lambda: target.send(effect())).code == "TARGET_UNREACHABLE"


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (says(200, b'{"key": "shares:7"}'), True),
        (says(200, b'{"key": "shares:6"}'), False),
        (says(200, b'{"key": null}'), False),
        (says(200, b'{"keys": ["shares:6", "shares:7"]}'), True),
        (says(200, b'{"keys": ["shares:6", 7, null]}'), False),
        (says(200, b'{"keys": "shares:7"}'), None),
        (says(200, b'{"ok": true}'), None),
        (says(200, b'["shares:7"]'), None),
        (says(200, b'"shares:7"'), None),
        (says(200, b"<html>"), None),
        (says(200, b""), None),
        (says(200, b"\xff\xfe\x00"), None),
        (says(200, b"[" * 60_000), None),
        (says(200, b"9" * 60_000), None),
        (says(204), None),
        (says(302, headers={"Location": "/"}), None),
        (says(403), None),
        (says(404), None),
        (says(405), None),
        (says(501), None),
    ],
)
def test_what_a_webhook_says_when_it_is_asked_for_a_key(
    receiver: Receiver, said: Answer, known: object
) -> None:
    receiver.script = [said]
    assert WebhookTarget(receiver.url, PROMPT).has(effect()) is known
    assert receiver.asked[0].method == "GET"
    assert receiver.asked[0].headers["idempotency-key"] == "shares:7"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_one_that_cannot_say_now_is_asked_again(receiver: Receiver, status: int) -> None:
    receiver.script = [says(status)]
    error = error_of(lambda: WebhookTarget(receiver.url, PROMPT).has(effect()))
    assert error.code == "TARGET_UNREACHABLE"


def test_cookies_are_not_kept_and_the_environment_names_no_proxy(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    receiver.script = [says(200, headers={"Set-Cookie": "a=b"})]
    target = WebhookTarget(receiver.url, PROMPT)
    for _ in range(3):
        target.send(effect())
    assert len(receiver.asked) == 3
    assert not any("cookie" in asked.headers for asked in receiver.asked)


def test_the_address_is_in_no_message_and_in_no_log(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.script = [
        says(302, headers={"Location": receiver.url}),
        says(404),
        writes(NO_HTTP[0]),
        says(503),
    ]
    target = WebhookTarget(f"{receiver.url}?also={SECRET}", PROMPT)
    for _ in range(4):
        error = error_of(lambda: target.send(effect()))
        assert SECRET not in str(error)
        assert error.subject == receiver.url.replace(SECRET, "…")
    assert SECRET not in caplog.text


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    own, secret = folder / "own.pem", folder / "secret.pem"
    ask = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=bots -addext"
    asked = [*ask.split(), "subjectAltName=IP:127.0.0.1", "-out", str(own), "-keyout", str(secret)]
    subprocess.run([openssl, *asked], check=True, capture_output=True)
    return own, secret


@pytest.fixture
def in_private(certificate: tuple[Path, Path]) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with listening(context) as one:
        yield one


def test_https_goes_to_those_whom_the_machine_trusts(
    in_private: Receiver, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    in_private.script = [
        says(200),
        says(200, b'{"key": "shares:7"}'),
        drips(b"HTTP/1.1 200 OK\r\n"),
    ]
    target = WebhookTarget(in_private.url, PROMPT)
    target.send(effect())
    assert target.has(effect()) is True
    hasty = WebhookTarget(in_private.url, IMPATIENT)
    assert "no answer within" in error_of(lambda: hasty.send(effect())).facts


def test_https_tells_a_stranger_nothing(in_private: Receiver) -> None:
    error = error_of(lambda: WebhookTarget(in_private.url, PROMPT).send(effect()))
    assert error.code == "TARGET_UNREACHABLE"
    assert "CERTIFICATE_VERIFY_FAILED" in error.facts
    assert not in_private.asked


# Settings


@pytest.mark.parametrize(
    ("url", "facts"),
    [
        ("https://user:hunter2@bots.example/x", "user and password"),
        ("https://hunter2@bots.example/x", "user and password"),
        ("ftp://bots.example/hunter2", "http:// or https://"),
        ("/hunter2", "http:// or https://"),
        ("http:///hunter2", "http:// or https://"),
        ("http://bots.example:port/hunter2", "expected an address such as"),
        ("http://bots.example:99999/hunter2", "expected an address such as"),
        ("http://[::1/hunter2", "expected an address such as"),
        ("http://bots..example/hunter2", "expected an address such as"),
        (f"http://{'b' * 64}.example/hunter2", "expected an address such as"),
        ("http://bots.example/hun ter2", "blanks"),
        ("http://bots.example/hunter2\n", "blanks"),
        ("http://böts.example/hunter2", "beyond ASCII"),
    ],
)
def test_a_bad_address_is_refused_without_being_repeated(
    url: str, facts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILTYARD_EFFECTS_WEBHOOK", url)
    with pytest.raises(Faults) as caught:
        load()
    assert "$.effects.webhook" in str(caught.value)
    assert facts in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://localhost", "https://bots.example/x?y=z#w", "http://[::1]:8000/", "HTTP://A_b.example",
     "http://bots.example./x", "https://xn--bts-sna.example"],
)  # fmt: skip
def test_a_good_address_makes_a_target(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_EFFECTS_WEBHOOK", url)
    (target,) = targets_from(load()).values()
    assert target.name == "webhook"
    assert target.takes == {"shares", "notice"}


def test_the_settings_name_the_targets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not targets_from(load())
    monkeypatch.setenv("TILTYARD_EFFECTS_FILE", str(tmp_path / "shares.json"))
    monkeypatch.setenv("TILTYARD_EFFECTS_WEBHOOK", "http://localhost:1/")
    targets = targets_from(load())
    assert list(targets) == ["file", "webhook"]
    assert targets["file"].takes == {"shares"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attempts", "0"),
        ("timeout", "0"),
        ("timeout", "nan"),
        ("timeout", "inf"),
        ("timeout", "61"),
    ],
)
def test_patience_has_bounds(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"TILTYARD_EFFECTS_{name}".upper(), value)
    with pytest.raises(Faults, match=rf"\$\.effects\.{name}"):
        load()


def test_who_is_told_decides_nothing_so_records_verify_whatever_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = Conditions.of(load()).settings
    for name, value in {
        "EFFECTS_FILE": "elsewhere.json", "ALERTS_DESK": "another", "GPU_SOURCE": "off",
        "LEARNER_COMMAND": '["train", "--key", "a secret"]',
    }.items():  # fmt: skip
        monkeypatch.setenv(f"TILTYARD_{name}", value)
    assert Conditions.of(load()).settings == before


def test_a_record_keeps_the_sections_that_decide_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TILTYARD_SCALING_RULE", "evidence")
    told = Conditions.of(load(), trades_bars=True).settings
    assert set(told) == {"account", "policies", "schedule", "shares", "scaling", "market"}


# The receiver that the documents show


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[str]:
    page = DOCS / "how-to" / "push-shares.md"
    files = [step for step in steps(page) if isinstance(step, NamedFile)]
    (source,) = (file.body for file in files if file.name == "receiver.py")
    (tmp_path / "receiver.py").write_text(source, encoding="utf-8")
    handler = runpy.run_path(str(tmp_path / "receiver.py"))["Receiver"]
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_the_receiver_in_the_documents_keeps_the_contract(shown: str) -> None:
    target = WebhookTarget(shown, PROMPT)
    newer, older = effect(key="b", revision=8), effect(key="a", revision=7)
    notice = effect("notice", "n:1", text="halted")
    assert target.has(newer) is False
    for one in (newer, notice, newer, notice):
        target.send(one)
        assert target.has(one) is True
    assert error_of(lambda: target.send(older)).facts == "it answered 409"
    assert target.has(older) is False
    assert target.has(newer) is True
