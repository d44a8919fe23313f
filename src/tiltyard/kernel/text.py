r"""Text as people and machines give it, made such that it can be written down anywhere.

A terminal that speaks another encoding than ours gives bytes that are no text, and Python
keeps them as lone surrogates, which no file, hash or database takes. Postgres has no NUL.
What was given is kept, escaped, rather than refused: it is a reason or a name for people, and
a halt does not wait for somebody to type it better.

What nobody would read to its end is no name, and is refused; a reason for safety is cut, since
that does not wait either.

>>> shortened("x" * 1005) == "x" * 999 + "…"
True
>>> storable("Börse"), storable("B\udcf6rse"), storable("a\0b")
('Börse', 'B\\udcf6rse', 'a\\x00b')
>>> [count_text(some, "trade") for some in (0, 1, 1_432)]
['0 trades', '1 trade', '1,432 trades']
"""

from tiltyard.kernel.errors import TiltyardError

LONGEST = 1000
"""Characters of a name or a reason."""


def storable(text: str) -> str:
    """The same, with what cannot be written down escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def refuse_long(**texts: str) -> None:
    """Refuse what is longer than anybody reads.

    Raises:
        TiltyardError: ``TEXT_TOO_LONG`` with the name of the first that is.
    """
    for name, text in texts.items():
        if len(text) > LONGEST:
            facts = f"it has {len(text):,} characters, and {LONGEST:,} are the most"
            raise TiltyardError("TEXT_TOO_LONG", name, facts, "say it in fewer")


def count_text(count: int, what: str) -> str:
    """So many of something, whose word takes an s where they are not one."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def shortened(text: str) -> str:
    """The same, or as much of its beginning as may be told."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
