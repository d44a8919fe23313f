"""Files that are made from the settings: how one that somebody has edited is known, and left alone.

A file carries the digest of what it was made as, in a line of its head, or in its description where
its form has no comments. It is ours for as long as that fits.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

MOST_SHOWN = 40
"""Lines of a difference."""
_DIGEST = "# digest of what follows: "
_WITHIN = re.compile(r"Digest of all else: (?P<digest>[0-9a-f]{16})")
_BLANK = f"Digest of all else: {'0' * 16}"


def sealed(body: str) -> str:
    """A body behind a line with its digest, as comments are written with ``#``."""
    return f"{_DIGEST}{_digest(body)}\n\n{body}"


def sealed_within(text: str) -> str:
    """A text of which :func:`blank_seal` is a part, with its digest there."""
    return text.replace(_BLANK, _BLANK.replace("0" * 16, _digest(text)), 1)


def blank_seal() -> str:
    """What is put where a digest is to be."""
    return _BLANK


def is_edited(text: str) -> bool:
    r"""Whether a file is not as it was made: edited since, or somebody else's.

    >>> is_edited(sealed("a: 1\n")), is_edited(sealed("a: 1\n") + "b: 2\n"), is_edited("a: 1\n")
    (False, True, True)
    >>> is_edited("# head\n" + sealed("a: 1\n")), is_edited("b: 2\n" + sealed("a: 1\n"))
    (False, True)
    >>> made = sealed_within(f'{{"description": "{blank_seal()}", "a": 1}}')
    >>> is_edited(made), is_edited(made.replace("1}", "2}"))
    (False, True)
    """
    if (within := _WITHIN.search(text)) is not None:
        blank = text[: within.start()] + _BLANK + text[within.end() :]
        return within["digest"] != _digest(blank)
    head, found, rest = text.partition(_DIGEST)
    is_head_ours = all(line.startswith("#") or not line.strip() for line in head.splitlines())
    body = rest.partition("\n\n")[2]
    return not found or not is_head_ours or f"{_DIGEST}{rest}" != sealed(body)


def difference(there: str, text: str, name: str) -> Iterator[str]:
    """Lines that say how a file would change.

    Args:
        there: As it is.
        text: As it would be.
        name: Of the file.
    """
    lines = list(
        difflib.unified_diff(
            there.splitlines(), text.splitlines(), name, f"{name} (made anew)", lineterm="", n=1
        )
    )
    yield from lines[:MOST_SHOWN]
    if len(lines) > MOST_SHOWN:
        yield f"… and {len(lines) - MOST_SHOWN:,} lines more"


def replace_all(texts: Mapping[Path, str]) -> None:
    """Write files: every new one is there in full before the first takes its place.

    Raises:
        OSError: None was changed, unless a folder was taken away between two of them.
    """
    beside = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in texts}
    try:
        for path, text in texts.items():
            beside[path].write_text(text, "utf-8")
        for path, unsaved in beside.items():
            unsaved.replace(path)
    finally:
        for unsaved in beside.values():
            with suppress(OSError):
                unsaved.unlink(missing_ok=True)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
