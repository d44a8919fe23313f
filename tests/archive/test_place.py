"""What every place promises: what was kept there once is never written over, and is what it was."""

import stat
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import obstore
import pytest

from archive.places import (
    CREDENTIALS,
    KEY,
    SECRET,
    hasty,
    in_bucket,
    keep_versions,
    new_bucket,
    opens_with,
)
from receivers import listening, says
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.credentials import credentials
from tiltyard.shell.archive.place import PIECE, Place, place_of
from tiltyard.shell.sections.archive import ArchiveSettings
from wires import Wire

LONG = b"0123456789abcdef" * (PIECE // 16) + b"and a piece more"


def digest(raw: bytes) -> str:
    return sha256(raw).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "file"
    found.write_bytes(LONG)
    return found


@pytest.mark.parametrize("raw", [b"", b"x", LONG], ids=["empty", "short", "of two pieces"])
def test_an_object_is_kept_once_and_comes_back_as_it_was(
    place: Place, tmp_path: Path, raw: bytes
) -> None:
    file = tmp_path / "file"
    file.write_bytes(raw)
    assert place.keep(file, digest(raw)) == len(raw)
    assert place.keep(file, digest(raw)) == 0
    assert b"".join(place.pieces(digest(raw), len(raw))) == raw


def test_the_first_note_stays_and_another_is_refused(place: Place) -> None:
    place.write("notes/a", b"first")
    with pytest.raises(TiltyardError, match="ARCHIVE_TAKEN"):
        place.write("notes/a", b"second")
    place.write("notes/b", b"")
    assert place.read("notes/a", 5) == b"first"
    assert place.keys("notes") == ["notes/a", "notes/b"]
    assert place.keys("nothing") == []


def test_of_those_who_race_for_a_name_one_has_it(raced: Place) -> None:
    outcomes: list[str] = []
    gate = threading.Barrier(8)

    def race(number: int) -> None:
        gate.wait()
        try:
            raced.write("notes/raced", str(number).encode())
            outcomes.append(str(number))
        except TiltyardError as error:
            outcomes.append(error.code)

    racers = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for one in racers:
        one.start()
    for one in racers:
        one.join()
    assert outcomes.count("ARCHIVE_TAKEN") == 7
    (winner,) = set(outcomes) - {"ARCHIVE_TAKEN"}
    assert raced.read("notes/raced", 1) == winner.encode()


def test_what_is_not_there_is_missing_and_what_is_too_long_is_not_read(place: Place) -> None:
    with pytest.raises(TiltyardError, match=r"ARCHIVE_MISSING .*notes/none: it is not there"):
        place.read("notes/none", 10)
    with pytest.raises(TiltyardError, match="ARCHIVE_MISSING"):
        place.check(digest(b"none"), 4)
    place.write("notes/long", b"x" * 11)
    with pytest.raises(TiltyardError, match=r"ARCHIVE_HARMED .*more than 10 bytes"):
        place.read("notes/long", 10)


@pytest.mark.parametrize("harm", [LONG[:-1] + b"!", LONG[:-1], LONG + b"!"])
def test_an_object_that_is_another_is_told_and_kept_anew(
    place: Place, file: Path, harm: bytes
) -> None:
    name = digest(LONG)
    place.keep(file, name)
    obstore.put(place._store, f"objects/{name[:2]}/{name}", harm)
    with pytest.raises(TiltyardError, match=r"ARCHIVE_HARMED .*, not "):
        place.check(name, len(LONG))
    assert place.keep(file, name) == len(LONG)
    assert b"".join(place.pieces(name, len(LONG))) == LONG


def test_a_place_is_proven_and_nothing_is_left_of_it(
    place: Place, archive: ArchiveSettings
) -> None:
    place.prove()
    assert place.keys("") == []
    if not archive.bucket:
        assert list(archive.path.iterdir()) == []


class Overwrites(BaseHTTPRequestHandler):
    """As a bucket of versions on some servers: every write is taken."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 as in http.server
        """Say nothing."""


def test_a_bucket_in_which_the_second_takes_the_room_of_the_first_is_refused(
    tmp_path: Path,
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Overwrites) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        place = hasty(in_bucket(f"http://127.0.0.1:{server.server_port}", "bucket", tmp_path))
        with pytest.raises(TiltyardError, match="ARCHIVE_OVERWRITES s3://bucket/tiltyard"):
            place.prove()
        server.shutdown()


def test_a_bucket_that_is_not_there_is_named(server: str, tmp_path: Path) -> None:
    place = hasty(in_bucket(server, "bucket-that-is-gone", tmp_path))
    for does in (place.prove, lambda: place.keys("")):
        with pytest.raises(TiltyardError, match="BUCKET_MISSING s3://bucket-that-is-gone/"):
            does()


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_who_may_not_come_in_is_told_so(tmp_path: Path, code: str) -> None:
    with listening() as receiver:
        receiver.script += [says(403, f"<Error><Code>{code}</Code></Error>".encode())] * 3
        root = receiver.url.rpartition("/")[0]
        with pytest.raises(TiltyardError, match=f"ARCHIVE_REFUSED .*: {code}"):
            hasty(in_bucket(root, "bucket", tmp_path)).keys("")


def test_a_server_that_is_gone_is_unreachable(tmp_path: Path) -> None:
    place = hasty(in_bucket("http://127.0.0.1:9", "bucket", tmp_path))
    with pytest.raises(TiltyardError, match="ARCHIVE_UNREACHABLE s3://bucket/tiltyard/"):
        place.prove()


def test_a_connection_that_is_cut_loses_nothing(server: str, tmp_path: Path, file: Path) -> None:
    wire = Wire(int(server.rpartition(":")[2]))
    settings = in_bucket(f"http://127.0.0.1:{wire.port}", new_bucket(server), tmp_path)
    through = place_of(settings)
    through.keep(file, digest(LONG))
    wire.cut()
    other = tmp_path / "other"
    other.write_bytes(LONG[1:])
    with pytest.raises(TiltyardError, match="ARCHIVE_UNREACHABLE"):
        hasty(settings).keep(other, digest(LONG[1:]))
    with pytest.raises(TiltyardError, match="ARCHIVE_UNREACHABLE"):
        hasty(settings).check(digest(LONG), len(LONG))
    wire.mend()
    assert through.keep(other, digest(LONG[1:])) == len(LONG) - 1
    through.check(digest(LONG), len(LONG))
    wire.close()


def test_an_upload_that_is_cut_half_way_leaves_nothing_under_its_name(
    server: str, tmp_path: Path, file: Path
) -> None:
    wire = Wire(int(server.rpartition(":")[2]))
    settings = in_bucket(f"http://127.0.0.1:{wire.port}", new_bucket(server), tmp_path)
    place = place_of(settings.model_copy(update={"endpoint": server}))
    for count in (PIECE // 2, PIECE + 4):
        wire.cut_after(count)
        with pytest.raises(TiltyardError, match="ARCHIVE_UNREACHABLE"):
            hasty(settings).keep(file, digest(LONG))
        assert place.keys("") == []
        wire.mend()
    assert place_of(settings).keep(file, digest(LONG)) == len(LONG)
    wire.close()


@pytest.mark.soak
@pytest.mark.parametrize(
    ("key", "secret", "why"),
    [(KEY, "wrong", "SignatureDoesNotMatch"), ("nobody", SECRET, "InvalidAccessKeyId")],
)
def test_a_real_server_lets_nobody_in_by_the_wrong_key(
    a_ceph: str, tmp_path: Path, key: str, secret: str, why: str
) -> None:
    settings = in_bucket(a_ceph, new_bucket(a_ceph), tmp_path)
    Path(settings.credentials_file).write_text(opens_with(key, secret))
    stranger = hasty(settings)
    for does in (stranger.prove, lambda: stranger.keys(""), lambda: stranger.read("a", 1)):
        with pytest.raises(TiltyardError, match=f"ARCHIVE_REFUSED .*: {why}"):
            does()
    with pytest.raises(TiltyardError, match="ARCHIVE_REFUSED"):  # such a question has no reason
        stranger.check(digest(LONG), len(LONG))


@pytest.mark.soak
def test_a_real_bucket_of_versions_is_refused(a_ceph: str, tmp_path: Path) -> None:
    name = new_bucket(a_ceph)
    keep_versions(a_ceph, name)
    with pytest.raises(TiltyardError, match=f"ARCHIVE_OVERWRITES s3://{name}/tiltyard"):
        place_of(in_bucket(a_ceph, name, tmp_path)).prove()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_bytes(b"")
    with pytest.raises(TiltyardError, match=r"ARCHIVE_UNWRITABLE .*: .*archive.folder"):
        place_of(ArchiveSettings(folder=str(taken / "archive")), create=True)


def test_a_folder_is_private_and_made_for_who_keeps_alone(tmp_path: Path) -> None:
    settings = ArchiveSettings(folder=str(tmp_path / "archive"))
    with pytest.raises(TiltyardError, match=r"ARCHIVE_MISSING .*there is no such folder"):
        place_of(settings)
    place_of(settings, create=True)
    assert stat.S_IMODE(settings.path.stat().st_mode) == 0o700


def test_a_folder_that_refuses_is_unwritable_and_no_matter_of_credentials(tmp_path: Path) -> None:
    place = place_of(ArchiveSettings(folder=str(tmp_path / "archive")), create=True)
    (tmp_path / "archive" / "notes").write_bytes(b"in the way")
    with pytest.raises(TiltyardError, match="ARCHIVE_UNWRITABLE"):
        place.write("notes/a", b"")


def test_what_opens_a_bucket_is_in_a_file_or_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    plain = ArchiveSettings(bucket="bucket")
    with pytest.raises(TiltyardError, match="ARCHIVE_CREDENTIALS environment: AWS_ACCESS_KEY_ID"):
        credentials(plain)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hour")
    assert credentials(plain) == ("key", "s3cret", "hour")
    file = tmp_path / "aws"
    named = ArchiveSettings(bucket="bucket", credentials_file=str(file))
    with pytest.raises(TiltyardError, match=r"ARCHIVE_CREDENTIALS .*No such file"):
        credentials(named)
    for text, why in (
        ("s3cret", "it is not as Amazon's tools write it"),
        ("[default]\naws_access_key_id = key", "aws_secret_access_key is not said"),
        ("[other]\n", "aws_access_key_id and aws_secret_access_key are not said"),
    ):
        file.write_text(text)
        with pytest.raises(TiltyardError, match=why) as refused:
            credentials(named)
        assert "s3cret" not in f"{refused.value}{refused.value.__cause__}"
    file.write_text(CREDENTIALS)
    assert credentials(named) == ("key", "s3cret", "")
