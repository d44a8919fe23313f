"""Pages of the documents: their headings, their console blocks, and how these are run.

A block ```` ```csv title="name" ```` is a file of the page. In a ```` ```console ````
block a line ``$ command`` is run and what stands below it, if anything, is its output;
``…`` there stands for anything. A command may end in ``# exits 2``.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from forking import Forking, fork

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^```(?P<info>\S[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([\w./-]+)"')
_EXITS = re.compile(r"# exits (\d+)$")
_PLAIN = re.compile(r"tiltyard [^|&;<>()$`\\*?\[\]{}~\n]*")
"""A command of ours that means the same without a shell."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page.

    Attributes:
        line: As it is typed.
        shown: The output below it; empty when none is shown.
    """

    line: str
    shown: str

    @property
    def exits(self) -> int:
        """The code it ends with."""
        found = _EXITS.search(self.line)
        return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a page shows.

    Attributes:
        name: Its name.
        body: What is in it.
    """

    name: str
    body: str


def steps(page: Path) -> Iterator[NamedFile | Command]:
    """Files and commands in the order of the page."""
    for block in _BLOCK.finditer(page.read_text("utf-8")):
        title = _TITLE.search(block["info"])
        if title:
            yield NamedFile(title[1], block["body"])
        elif block["info"] == "console":
            yield from _commands(block["body"])


def _commands(body: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        while line.endswith("\\"):
            more, _, shown = shown.partition("\n")
            line = f"{line}\n{more}"
        yield Command(line, shown.strip("\n"))


class Ended(NamedTuple):
    """What became of a command.

    Attributes:
        returncode: It ended with.
        stdout: What it said, on standard output and standard error.
    """

    returncode: int
    stdout: str


def run(command: Command, folder: Path) -> Ended:
    """Run a command as a reader would, in the page's folder."""
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-c", command.line],
        cwd=folder,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    return Ended(done.returncode, done.stdout)


def run_forked(command: Command, folder: Path, forking: Forking, said: Path) -> Ended:
    """The same; one of ours that asks nothing of a shell needs not be loaded anew.

    Args:
        command: Of a page.
        folder: Of the page.
        forking: Forks for our own.
        said: A file for what it says.
    """
    if not _PLAIN.fullmatch(command.line):
        return run(command, folder)
    words = shlex.split(command.line, comments=True)
    code = fork(forking, words[1:], folder, _environment(), (said, said))
    return Ended(code, said.read_text("utf-8"))


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "TILTYARD" not in name}
    beside = str(Path(sys.executable).parent)
    return {
        **kept,
        "PATH": f"{beside}{os.pathsep}{kept.get('PATH', '')}",
        "COLUMNS": "200",
        "NO_COLOR": "1",
        "PYTHONIOENCODING": "utf-8",
    }


def matches(shown: str, output: str) -> bool:
    """Whether the output is what is shown, ``…`` standing for anything.

    >>> matches("wrote …\\n…", "wrote a.toml\\ndone\\ntwice")
    True
    >>> matches("a …", "a b\\nc")
    False
    """
    lines = []
    for line in shown.splitlines():
        if line.strip() == "…":
            lines.append(r"(?:[^\n]*\n)*?[^\n]*")
        else:
            lines.append("[^\\n]*?".join(map(re.escape, line.rstrip().split("…"))))
    output = "\n".join(line.rstrip() for line in output.strip("\n").splitlines())
    return re.fullmatch("\n".join(lines), output) is not None


def sections(page: str) -> dict[str, str]:
    """Every heading of a reference page that is a name in backquotes, and what is below it.

    A name that several headings carry has the text of all of them.
    """
    text = (DOCS / "reference" / page).read_text("utf-8")
    found: dict[str, str] = {}
    for part in re.split(r"^#{2,4} ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        for name in re.findall(r"`([^`]+)`", heading):
            found[name] = found.get(name, "") + body
    return found


def rows(page: str, heading: str) -> dict[str, str]:
    """The rows of the tables below a heading, by the name in their first cell."""
    text = (DOCS / "reference" / page).read_text("utf-8")
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"docs/reference/{page} has no heading {heading!r}"
    level = heading.split(" ", 1)[0]
    end = re.search(rf"^#{{1,{len(level)}}} ", rest, flags=re.MULTILINE)
    body = rest[: end.start()] if end else rest
    return {row[1]: row[2] for row in re.finditer(r"^\| `([^`]+)` (\|.*)$", body, re.MULTILINE)}
