"""YAML as people like to read it, of plain data.

The files are opened by people, who want to know which guard a rule came from: so there are
comments, and an expression stands on lines of its own and not between escaped quotes. The
libraries write no comments (PyYAML), or are made for changing a file that is there (ruamel.yaml);
what is needed here is a page. The tests read everything back with a library.

>>> rule = {"for": 60, "expr": 'up{job="a"} == 0'}
>>> print(yaml_text({"rules": [Noted("of a guard", rule)]}), end="")
rules:
  # of a guard
  - for: 60
    expr: 'up{job="a"} == 0'
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

_SHORT = 40
"""So long a text with double quotes in it is written between single ones."""
Plain: TypeAlias = "str | int | bool | Sequence[Plain] | Mapping[str, Plain] | Noted"


@dataclass(frozen=True, slots=True)
class Noted:
    """A value with lines of comment before it.

    Attributes:
        note: For people.
        value: What the comment is about.
    """

    note: str
    value: "Plain"


def yaml_text(value: Mapping[str, Plain]) -> str:
    """A document.

    Args:
        value: Keys are plain words.
    """
    return "".join(f"{line}\n" for line in _mapping(value))


def comment(text: str) -> list[str]:
    """The lines of a comment."""
    return [f"# {line}".rstrip() for line in text.splitlines()]


def quoted(text: str) -> str:
    r"""A text in double quotes, whatever is in it.

    >>> print(quoted('a "b" \x00 ü'))
    "a \"b\" \u0000 ü"
    """
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) < 1 << 16 else f"\\U{ord(letter):08x}"


def _mapping(value: Mapping[str, Plain]) -> Iterator[str]:
    for key, one in value.items():
        if isinstance(one, Noted):
            yield from comment(one.note)
            one = one.value  # noqa: PLW2901 what stands below the comment
        yield from _entry(f"{key}:", one)


def _entry(head: str, value: Plain) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield head
        yield from _indented(_mapping(value))
    elif isinstance(value, str):
        yield from _text(head, value)
    elif isinstance(value, Sequence) and value:
        yield head
        for one in value:
            yield from _indented(_item(one))
    else:
        yield f"{head} {_scalar(value)}"


def _item(value: Plain) -> Iterator[str]:
    if isinstance(value, Noted):
        yield from comment(value.note)
        value = value.value
    if not isinstance(value, Mapping) or not value:
        yield from _entry("-", value)
        return
    lines = _mapping(value)
    yield f"- {next(lines)}"
    yield from _indented(lines)


def _text(head: str, text: str) -> Iterator[str]:
    lines = text.split("\n")
    plain = text == text.strip() and all(line.isprintable() for line in lines)
    if plain and '"' in text and len(text) <= _SHORT and len(lines) == 1 and "'" not in text:
        yield f"{head} '{text}'"
    elif plain and ('"' in text or len(lines) > 1):
        yield f"{head} |-"
        yield from _indented(lines)
    else:
        yield f"{head} {quoted(text)}"


def _scalar(value: Plain) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return "{}" if isinstance(value, Mapping) else "[]"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" if line else line for line in lines)
