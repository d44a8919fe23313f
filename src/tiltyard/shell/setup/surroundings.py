"""What a shell says and cron and systemd do not know, and what a person does about it.

Variables are told by their names alone, for what they say may be a secret. One that says what the
settings say anyway changes nothing, and is not told.
"""

from collections.abc import Iterator, Mapping, Sequence

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.credentials import NAMES, SESSION
from tiltyard.shell.settings import FILE, Settings, load, variables

WHY = "neither cron nor systemd knows your shell"


def known_to_this_shell(settings: Settings, environment: Mapping[str, str]) -> Iterator[str]:
    """A line for what is to be moved, and to where.

    Args:
        settings: Of the desk in this folder, as that environment amends them.
        environment: Of whoever sets it up.
    """
    if moved := _that_matter(settings, environment):
        told = (f"{section}.{name}" for section, name in map(variables().__getitem__, moved))
        yield f"put what {_all(moved, 'says')} into {FILE}, as {_listed(list(told))}: {WHY}"
    archive = settings.archive
    keys = [name.upper() for name in (*NAMES, SESSION) if environment.get(name.upper())]
    if archive.bucket and not archive.credentials_file and keys:
        yield (
            f"put what {_all(keys, 'says')} into a file that only you may read, and name it in "
            f"{FILE}, as archive.credentials_file: {WHY}"
        )


def _that_matter(settings: Settings, environment: Mapping[str, str]) -> Sequence[str]:
    """Variables without which the settings are others."""
    found = sorted(name for name in variables() if name in environment)
    try:
        plain = load(None, {})
    except TiltyardError:  # without them they are not even right
        return found
    return [name for name in found if _value(plain, name) != _value(settings, name)]


def _value(settings: Settings, variable: str) -> object:
    section, name = variables()[variable]
    return getattr(getattr(settings, section), name)


def _all(names: Sequence[str], does: str) -> str:
    return f"{_listed(names)} {does if len(names) == 1 else does.removesuffix('s')}"


def _listed(words: Sequence[str]) -> str:
    """Words in a row.

    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
