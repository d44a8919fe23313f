"""What is known of a learner beyond a desk: read when it can be, and never waited for."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

from supervise.benches import PROMPT, bench, python
from tiltyard.shell.supervise.journal import Journal
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
            asking.join(5)
            assert answers == [0]
        finally:
            disk.answers.set()
            writing.join()
    assert json.loads(journal_in(found.settings).read_text())["carried"] == ["done"]
    assert Journal(journal_in(found.settings)).known.carried == ("done",)
