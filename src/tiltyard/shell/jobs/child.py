"""A step as a process of its own: begun, given its time, ended, and what it came to.

It is a command of the command line, so what a job does, a person can do by hand. It is the first of
a group of processes, and reads from a pipe that stays open for as long as its host lives: when the
host is gone, however that came, the step ends its group and itself. What it prints as JSON is what
came of it; what it says beside goes to a file, whose end is told when it fails.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tiltyard.kernel.clock import span_text, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.exit_codes import WRONG
from tiltyard.shell.jobs.outcome import StepOutcome
from tiltyard.shell.jobs.place import unwritable
from tiltyard.shell.tied import end_group, has_ended, signal_name

COMMAND = (sys.executable, "-m", "tiltyard.shell.jobs.step")
LOOK_EVERY = 1.0
"""Seconds between two looks whether a step is to be ended."""
CANCELLED = "STEP_CANCELLED"
"""What came of a step whose run was cancelled."""
LONGEST_ANSWER = 4 << 20
LAST_WORDS = 500
"""Characters of what is told of a step."""


def run_step(
    step: str,
    words: Sequence[str],
    log: Path,
    limit: timedelta,
    *,
    now: Callable[[], datetime],
    steady: Callable[[], float],
    environment: Mapping[str, str],
    is_cancelled: Callable[[], bool] = lambda: False,
    command: Sequence[str] = COMMAND,
) -> StepOutcome:
    """Run a step to its end; what is wrong with it is an outcome, too.

    Args:
        step: Its name.
        words: The command line behind ``tiltyard``.
        log: What it says goes behind what is there already.
        limit: After that it is ended.
        now: UTC.
        steady: Seconds on a clock that is never set.
        environment: Of the process.
        is_cancelled: Asked now and then.
        command: What the words stand behind.

    Raises:
        TiltyardError: ``JOBS_UNWRITABLE`` where nothing can be written of what it says.
    """
    began_at, until = time_text(now()), steady() + limit.total_seconds()
    fault = ""
    with _begun(command, words, log, environment, began_at) as begun:
        while not has_ended(begun.child, LOOK_EVERY):
            if is_cancelled():
                fault = CANCELLED
                break
            if steady() > until:
                fault = "STEP_OVERDUE"
                break
    came_to = StepOutcome(step, "done", began_at, time_text(now()), told=_printed(begun.answer))
    if fault == CANCELLED:
        return came_to.failing(fault, "it was cancelled")
    if fault:
        return came_to.failing(fault, f"it was not done within {span_text(limit)}", may_go=True)
    code = begun.child.returncode
    if code < 0:
        return came_to.failing("STEP_ENDED", f"it was ended by {signal_name(-code)}", may_go=True)
    if code:
        said = last_error(log, begun.said_before)
        why = said or f"it ended with {code}"
        return came_to.failing(_code_in(said) or "STEP_FAILED", why, may_go=code != WRONG)
    return came_to._replace(said=last_words(log, begun.said_before))


class _Begun(NamedTuple):
    """A step that was begun.

    Attributes:
        child: Its process.
        answer: What it prints.
        said_before: Bytes of its log that others have said.
    """

    child: "subprocess.Popen[bytes]"
    answer: Path
    said_before: int


@contextmanager
def _begun(
    command: Sequence[str],
    words: Sequence[str],
    log: Path,
    environment: Mapping[str, str],
    at: str,
) -> Iterator[_Begun]:
    """A step at work; nothing of it is left afterwards."""
    answer = log.with_suffix(".json")
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with log.open("ab") as says, answer.open("wb") as answers:
            says.write(f"{at} tiltyard {' '.join(words)}\n".encode())
            says.flush()
            said_before = says.tell()  # whoever is begun moves the same offset on
            child = subprocess.Popen(  # noqa: S603 our own
                [*command, *words], stdin=subprocess.PIPE, stdout=answers, stderr=says,
                start_new_session=True, env=dict(environment),
            )  # fmt: skip
    except OSError as error:
        raise unwritable(log, error) from error
    with child:
        try:
            yield _Begun(child, answer, said_before)
        finally:
            end_group(child)


def last_words(log: Path, since: int = 0) -> str:
    """The last line that a step said, shortened; empty where it said nothing yet.

    Args:
        log: Where it said it.
        since: What stands before this byte was said before.
    """
    return _shown(_last_lines(log, since)[-1:])


def last_error(log: Path, since: int = 0) -> str:
    """The last error that a step told, with every fault that it names; else its last words.

    Args:
        log: Where it said it.
        since: What stands before this byte was said before.
    """
    lines = _last_lines(log, since)
    errors = (place for place in reversed(range(len(lines))) if _code_in(lines[place]))
    return _shown(lines[next(errors, -1) :])


def _last_lines(log: Path, since: int) -> list[str]:
    """What it said last, without empty lines."""
    try:
        with log.open("rb") as read:
            read.seek(max(since, read.seek(0, os.SEEK_END) - 4096))
            lines = read.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if line.strip()]


def _shown(lines: Sequence[str]) -> str:
    said = " ".join(line.strip() for line in lines)
    printable = "".join(one if one.isprintable() else " " for one in said).strip()
    return f"{printable[:LAST_WORDS]} …" if len(printable) > LAST_WORDS else printable


def _printed(answer: Path) -> Any:  # noqa: ANN401 whatever it printed
    """What was printed as JSON; None where it is none, or too much."""
    try:
        if answer.stat().st_size > LONGEST_ANSWER:
            return None
        return json.loads(answer.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _code_in(said: str) -> str:
    """The code that an error begins with; empty where a line is no error of ours."""
    first = said.partition(" ")[0].rstrip(":")
    is_code = first.isupper() and first.replace("_", "").isalnum() and "_" in first
    return first if is_code else ""


def refused(step: str, error: TiltyardError, at: datetime) -> StepOutcome:
    """What a step came to that could not be begun."""
    when = time_text(at)
    return StepOutcome(step, "failed", when, when, code=error.code, said=str(error), may_go=True)
