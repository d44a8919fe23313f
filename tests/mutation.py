"""Does a test fail when a comparison is wrong? ``make mutation`` tries every one.

Each comparison, ``and``/``or``, ``not`` and sign function in the modules that decide
over money is flipped, one at a time, in a temporary copy of package and tests; the
tests of checklist, actions and scaling are run against the copy in a forked process.
A mutant that no test notices is a survivor and ends in exit status 1, as does a
declared equivalent that is not needed any more.

Not mutmut, because it makes many other kinds of mutant and only some of these; and a
fork of a process that has pytest, hypothesis and numpy in memory is quick.

    python tests/mutation.py [part of a module's path ...]
"""

import ast
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
MUTATED = ("checklist/*.py", "actions/**/*.py", "scaling/ladder.py")
TESTS = ("checklist", "actions", "scaling")
TIMES = 3
"""So much of what the tests take without a mutant they may take with one, in seconds of work: those
of the clock would call a mutant dead, or the tests unsound, because others work here too."""
LONGEST = 3_600
"""Seconds of the clock, for one that does not work but waits."""
LOADED_BEFORE_THE_FORK = ("numpy", "sqlite3", "zoneinfo")

FLIPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
SIGN_FUNCTIONS = {"lt": "le", "le": "lt", "gt": "ge", "ge": "gt", "eq": "ne", "ne": "eq"}

EQUIVALENT: dict[tuple[str, str], str] = {}
"""Mutants that mean the same, by file and mutated expression, each with its reason."""


@dataclass(frozen=True)
class Mutant:
    """One flipped operator.

    Attributes:
        file: The module, relative to the package.
        line: Where it was.
        was: The expression.
        became: The expression with the operator flipped.
        source: The whole module with it.
    """

    file: str
    line: int
    was: str
    became: str
    source: str

    def __str__(self) -> str:
        return f"src/tiltyard/{self.file}:{self.line}: {self.was}  ->  {self.became}"


def mutants(file: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module."""
    for index, node in enumerate(ast.walk(ast.parse(source))):
        for place in range(_operators(node)):
            tree = ast.parse(source)
            victim = cast("ast.expr", list(ast.walk(tree))[index])
            was = ast.unparse(victim)
            _flip(victim, place)
            yield Mutant(file, victim.lineno, was, ast.unparse(victim), ast.unparse(tree))


def _operators(node: ast.AST) -> int:
    match node:
        case ast.Compare():
            return len(node.ops)
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return 1
        case ast.Attribute(value=ast.Name(id="operator"), attr=name) if name in SIGN_FUNCTIONS:
            return 1
    return 0


def _flip(node: ast.expr, place: int) -> None:
    match node:
        case ast.Compare():
            node.ops[place] = cast("ast.cmpop", FLIPS[type(node.ops[place])]())
        case ast.BoolOp():
            node.op = cast("ast.boolop", FLIPS[type(node.op)]())
        case ast.UnaryOp():
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Attribute():
            node.attr = SIGN_FUNCTIONS[node.attr]


class Laboratory:
    """A copy of package and tests in which mutants are tried.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.limit = 0.0
        self.package = folder / "src" / "tiltyard"
        no_caches = shutil.ignore_patterns("__pycache__", ".hypothesis")
        shutil.copytree(ROOT / "src", folder / "src", ignore=no_caches)
        for tests in TESTS:
            shutil.copytree(ROOT / "tests" / tests, folder / "tests" / tests, ignore=no_caches)
        for file in ("pyproject.toml", "tests/conftest.py"):
            shutil.copy(ROOT / file, folder / file)

    def modules(self) -> list[str]:
        """Every module to mutate, relative to the package."""
        found = [path for pattern in MUTATED for path in self.package.glob(pattern)]
        return sorted(str(path.relative_to(self.package)) for path in found)

    def source(self, file: str) -> str:
        """A module as it is in the working tree."""
        return (self.package / file).read_text(encoding="utf-8")

    def is_sound(self) -> bool:
        """Whether all tests pass without a mutant, each module rewritten as mutants are."""
        sources = {file: self.source(file) for file in self.modules()}
        for file, source in sources.items():
            self._write(file, ast.unparse(ast.parse(source)))
        before = _work_of_children()
        sound = self.tests_pass("")
        self.limit = TIMES * (_work_of_children() - before)
        for file, source in sources.items():
            self._write(file, source)
        return sound

    def survives(self, mutant: Mutant) -> bool:
        """Whether all tests pass although the mutant is in place."""
        sound = self.source(mutant.file)
        self._write(mutant.file, mutant.source)
        try:
            return self.tests_pass(mutant.file)
        finally:
            self._write(mutant.file, sound)

    def _write(self, file: str, source: str) -> None:
        (self.package / file).write_text(source, encoding="utf-8")

    def tests_pass(self, file: str) -> bool:
        """Run the tests in a forked process, those named after ``file`` first."""
        child = os.fork()
        if not child:
            try:
                os._exit(self._run_tests(file))
            finally:
                os._exit(pytest.ExitCode.INTERNAL_ERROR)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM):
            return False
        code = os.waitstatus_to_exitcode(status)
        if code not in (
            pytest.ExitCode.OK,
            pytest.ExitCode.TESTS_FAILED,
            pytest.ExitCode.INTERRUPTED,
        ):
            sys.exit(f"pytest could not run, exit status {code}: mutating {file}")
        return code == pytest.ExitCode.OK

    def _run_tests(self, file: str) -> int:
        signal.setitimer(signal.ITIMER_PROF, self.limit)  # 0 sets none
        signal.alarm(LONGEST)  # one that waits for ever does no work
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(self.folder / "src"))
        os.chdir(self.folder)
        package, *names = file.removesuffix(".py").split("/")
        order = sorted(
            (path for tests in TESTS for path in Path("tests", tests).glob("test_*.py")),
            key=lambda path: (
                not any(name in path.stem for name in names),
                path.parent.name != package,
                path,
            ),
        )
        options = [
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            "addopts=",
            "--rootdir=.",
            "--assert=plain",
        ]
        return int(pytest.main([*options, *map(str, order)]))


def _work_of_children() -> float:
    """Seconds that processors have worked for those that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(wanted: list[str]) -> int:
    """Try all mutants, or those of modules whose path holds one of ``wanted``."""
    hypothesis.settings.register_profile(
        "mutation", derandomize=True, database=None, deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )  # fmt: skip
    hypothesis.settings.load_profile("mutation")
    for module in LOADED_BEFORE_THE_FORK:
        import_module(module)
    began = time.monotonic()
    tried, equivalents, survivors = 0, set(EQUIVALENT), []
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory(Path(folder))
        if not laboratory.is_sound():
            sys.exit("the tests fail without any mutant: mend that first")
        for file in laboratory.modules():
            if wanted and not any(part in file for part in wanted):
                continue
            for mutant in mutants(file, laboratory.source(file)):
                tried += 1
                equivalents.discard((mutant.file, mutant.became))
                survived = laboratory.survives(mutant)
                if survived is not ((mutant.file, mutant.became) in EQUIVALENT):
                    survivors.append(mutant)
                    what = "survives" if survived else "is killed, though declared equivalent"
                    _say(f"{mutant} {what}")
    if not wanted:
        for file, became in sorted(equivalents):
            _say(f"{file}: {became} is declared equivalent, but is no mutant")
    else:
        equivalents.clear()
    seconds = time.monotonic() - began
    _say(f"{tried} mutants, {len(survivors)} not as they should be, {seconds:.0f} s")
    return 1 if survivors or equivalents else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
