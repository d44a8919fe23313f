"""The manifest of a snapshot: what it says is what was kept, or it is refused."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.manifest import File, Manifest, key_of, name_of

NOON = datetime(2026, 11, 29, 12, 0, 1, tzinfo=UTC)
DIGEST = "ab" * 32
PLAIN = Manifest(NOON, "1.0", "sqlite", DIGEST, 7, "prod", {"tiltyard.db": File(DIGEST, 12)})

_digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
_parts = st.text("abc._-é ", min_size=1, max_size=8).filter(lambda part: part not in {".", ".."})
_paths = st.lists(_parts, min_size=1, max_size=3).map("/".join)
_files = st.dictionaries(_paths, st.builds(File, _digests, st.integers(0, 2**50)), max_size=5)
_words = st.text("ab_é 1", max_size=6)
_moments = st.integers(0, 10**9).map(lambda seconds: NOON + timedelta(seconds=seconds))


@given(st.builds(Manifest, _moments, _words, st.sampled_from(["sqlite", "postgres"]),
                 _digests, st.integers(0, 2**40), _words, _files,
                 st.dictionaries(_words, _words, max_size=2), st.just("") | _digests))  # fmt: skip
def test_what_is_written_is_what_is_read(manifest: Manifest) -> None:
    assert Manifest.read(manifest.name, manifest.raw()) == manifest
    assert name_of(key_of(manifest.name)) == manifest.name


def test_one_that_names_no_ledger_is_read_as_it_was_written() -> None:
    assert "ledger" not in json.loads(PLAIN.raw())
    assert Manifest.read(PLAIN.name, PLAIN.raw()).ledger == ""
    named = PLAIN._replace(ledger="cd" * 32)
    assert json.loads(named.raw())["ledger"] == "cd" * 32
    assert Manifest.read(named.name, named.raw()) == named


def test_it_is_called_by_its_time_and_its_content() -> None:
    assert PLAIN.name == f"2026-11-29/120001_{sha256(PLAIN.raw()).hexdigest()[:16]}"
    assert PLAIN._replace(audit_rows=8).name != PLAIN.name


@pytest.mark.parametrize(
    "key", ["snapshots/x.json", "snapshots/2026-11-29/120001_abcdefghabcdefgh.json", "proofs/1", ""]
)
def test_what_else_lies_there_is_no_snapshot(key: str) -> None:
    assert name_of(key) is None


def test_one_that_is_another_is_refused() -> None:
    later = PLAIN._replace(taken_at=NOON + timedelta(days=1))
    for other in (PLAIN._replace(champion="bot"), later):
        with pytest.raises(TiltyardError, match=r"ARCHIVE_HARMED .*its manifest is that of"):
            Manifest.read(PLAIN.name, other.raw())


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/passwd", "a/../../b", "", "a//b", "a/", "a\0b", ".", "\x1b"]
)
def test_nothing_that_it_names_leads_out_of_its_folder(path: str) -> None:
    evil = PLAIN._replace(files={path: File(DIGEST, 1)})
    with pytest.raises(TiltyardError, match=r"ARCHIVE_HARMED .*cannot be called"):
        Manifest.read(evil.name, evil.raw())


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"files": []}, {"files": {"a": {"bytes": 1}}}, {"audit_head": "x"},
     {"taken_at": "noon"}, {"audit_rows": None}, {"champion": "\x1b[2J"}, {"left_out": None},
     {"ledger": "x"}, {"ledger": ""}, {"ledger": None}],
)  # fmt: skip
def test_one_that_says_what_none_does_is_refused(change: dict[str, object]) -> None:
    raw = json.dumps({**json.loads(PLAIN.raw()), **change}).encode()
    name = f"2026-11-29/120001_{sha256(raw).hexdigest()[:16]}"
    with pytest.raises(TiltyardError, match=r"ARCHIVE_HARMED .*cannot be read"):
        Manifest.read(name, raw)
