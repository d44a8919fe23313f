"""A command of ours in a process of its own, tied to the task that waits for it.

A training takes hours and much memory, and may be killed for it: the task survives that, and says
what became of it. The other way round nothing survives: when the task ends, however that comes,
the process ends with all that it has started. It keeps its unfinished work, so that the same
command goes on from there.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Any

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.exit_codes import INTERRUPTED, TERMINATED
from tiltyard.shell.store.engine import address_of
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.tied import end_group, signal_name

Json = Mapping[str, Any]

GOES_ON = "run the same again: it goes on from what is kept"
_MODULE = (sys.executable, "-m", "tiltyard.shell.maintenance")


def answer_of(
    words: Sequence[str], ledger: Ledger, seconds: float, *, command: Sequence[str] = _MODULE
) -> Json:
    """What a command of ours answers, which is given ``--json``; its progress is seen by all.

    Args:
        words: Of the command, without ``tiltyard``.
        ledger: That it reads.
        seconds: It may take.
        command: What is run with these words.

    Raises:
        TiltyardError: What the command says is wrong; ``TRAINING_STOPPED`` where it was ended from
            outside or by its time, or says nothing.
    """
    with TemporaryFile() as said:
        with _tied([*command, *words], ledger, said) as child:
            code = _waited(child, words, seconds)
        said.seek(0)
        raw = said.read()
    try:
        told = json.loads(raw)
        if "error" in told:
            raise TiltyardError(**told["error"])
    except (ValueError, TypeError):
        how = f"it ended with {code}, and did not say what came of it"
        raise _stopped(words, how) from None
    if code:
        raise _stopped(words, f"it ended with {code}")
    found: Json = told
    return found


@contextmanager
def _tied(
    command: Sequence[str], ledger: Ledger, said: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """The process, which does not survive us, nor this block."""
    read, tie = os.pipe()
    try:
        child = subprocess.Popen(  # noqa: S603 our own
            command, stdin=read, stdout=said, start_new_session=True,
            env={**os.environ, "TILTYARD_DB": address_of(ledger.url)},
        )  # fmt: skip
        try:
            yield child
        finally:
            end_group(child)
    finally:
        os.close(read)
        os.close(tie)


def _waited(child: subprocess.Popen[bytes], words: Sequence[str], seconds: float) -> int:
    """The exit code of a command that has ended by itself."""
    try:
        code = child.wait(seconds)
    except subprocess.TimeoutExpired:
        minutes = f"{seconds / 60:,.0f} min"
        raise _stopped(words, f"it had not ended after {minutes}, and was ended") from None
    if code in (INTERRUPTED, TERMINATED):
        raise _stopped(words, "it was told to end")
    if code < 0:
        raise _stopped(words, f"it was ended by {signal_name(-code)}, perhaps for want of memory")
    return code


def _stopped(words: Sequence[str], how: str) -> TiltyardError:
    return TiltyardError("TRAINING_STOPPED", " ".join(words[:2]), how, GOES_ON)
