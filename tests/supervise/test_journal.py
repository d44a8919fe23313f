"""What is known of a learner beyond a desk: read when it can be, and never waited for."""

import json
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from supervise.benches import PROMPT, bench, python, settings_for
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.supervise.journal import Journal, Known, read
from tiltyard.shell.supervise.supervised import journal_in


class Hangs(list[str]):
    """What a journal is given to write, on a disk that does not answer until it is let."""

    def __init__(self, carried: list[str]) -> None:
        super().__init__(carried)
        self.is_written, self.answers = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[str]:
        self.is_written.set()
        assert self.answers.wait(PROMPT)
        return super().__iter__()


def test_the_count_of_restarts_does_not_wait_for_a_journal_that_is_being_written(
    tmp_path: Path,
) -> None:
    with bench(tmp_path, *python("print('done')")) as found:
        assert found.learner.restarts_ever is None, "nobody has looked"
        found.until(lambda: found.known.fate == "done")
        journal, disk = found.learner._journal, Hangs(["done"])
        writing = threading.Thread(target=journal.note, kwargs={"carried": disk})
        asking = threading.Thread(target=lambda: answers.append(found.learner.restarts_ever))
        answers: list[int | None] = []
        writing.start()
        try:
            assert disk.is_written.wait(PROMPT)
            asking.start()
            asking.join(PROMPT)
            assert answers == [0]
        finally:
            disk.answers.set()
            writing.join()
    assert json.loads(journal_in(found.settings).read_text())["carried"] == ["done"]
    assert Journal(journal_in(found.settings)).known.carried == ("done",)


@contextmanager
def no_file_to_spare() -> Iterator[None]:
    """As in a process that has too many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_journal_that_cannot_be_read_once_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    command = python("print('new')")
    path = journal_in(settings_for(tmp_path, *command))
    Journal(path).note(command=tuple(command), fate="given_up", carried=("a-guard",))
    with bench(tmp_path, *command) as found:
        with (
            no_file_to_spare(),
            pytest.raises(TiltyardError, match=r"TARGET_UNREACHABLE.*Too many open files"),
        ):
            found.learner.look()
        found.learner.look()
        assert found.known == Known(tuple(command), fate="given_up", carried=("a-guard",))
        assert found.observed()["learner_running"] == 0
        assert not found.log(), "what was given up is not begun"


def test_what_is_no_file_is_no_empty_journal_either(tmp_path: Path) -> None:
    (tmp_path / "journal.json").mkdir()
    with pytest.raises(IsADirectoryError):
        read(tmp_path / "journal.json")
    assert read(tmp_path / "nothing" / "journal.json") == Known()


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[1]", b"\xff", b'{"run": 7}', b"[" * 100_000, b" " * (2 << 20)]
)
def test_a_journal_that_makes_no_sense_is_none(raw: bytes, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, *python("print('new')"))
    journal_in(settings).parent.mkdir()
    journal_in(settings).write_bytes(raw)
    with bench(tmp_path, *settings.command) as found:
        found.until(lambda: found.known.fate == "done")
        assert found.log() == "new\n"


def test_who_takes_over_knows_what_the_desk_before_wrote_last(tmp_path: Path) -> None:
    command = python("import time; print('runs', flush=True); time.sleep(600)")
    with bench(tmp_path, *command) as later:
        with bench(tmp_path, *command) as before:
            before.until(lambda: bool(before.log()))
            later.learner.look()
            assert "another desk" in later.said[0]
            before.learner._journal.count_restart(before.now(), "a-guard")
        later.until(lambda: len(later.kin) == 1)
        assert later.known.carried == ("a-guard",)
        assert later.known.restarts_left(later.now()) == 2


def test_a_journal_is_read_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    path.with_name(".journal.json.new").touch(0o644)  # of a desk that was killed
    for fate in ("done", ""):
        Journal(path).note(command=("train", "--key", "a secret"), fate=fate)
        assert path.stat().st_mode & 0o777 == 0o600
