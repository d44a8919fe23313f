"""One registry per kind of thing, so that one conformance suite can cover all of it.

>>> rules: Registry[int] = Registry("rule")
>>> rules.add("ladder", 1)
>>> rules.get("lader")
Traceback (most recent call last):
  ...
tiltyard.kernel.errors.TiltyardError: RULE_UNKNOWN lader: no such rule. did you mean 'ladder'?
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Generic, TypeVar

from tiltyard.kernel.errors import TiltyardError

T = TypeVar("T")


class Registry(Generic[T]):
    """Named things of one kind, in the order they were added.

    Args:
        kind: What the things are called in messages: ``metric``, ``rule``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._things: dict[str, T] = {}

    def add(self, name: str, thing: T) -> None:
        """Register ``thing``; a name is given once."""
        if name in self._things:
            raise TiltyardError(f"{self.kind.upper()}_TWICE", name, "registered twice")
        self._things[name] = thing

    def get(self, name: str) -> T:
        """The thing of that name.

        Raises:
            TiltyardError: ``<KIND>_UNKNOWN``, with the nearest name.
        """
        if name not in self._things:
            raise TiltyardError(
                f"{self.kind.upper()}_UNKNOWN",
                name,
                f"no such {self.kind}",
                did_you_mean(name, self._things) or f"known: {', '.join(self._things)}",
            )
        return self._things[name]

    def __contains__(self, name: object) -> bool:
        return name in self._things

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def items(self) -> Iterable[tuple[str, T]]:
        """Names and things."""
        return self._things.items()


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` for the nearest known word, or nothing."""
    near = get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""
