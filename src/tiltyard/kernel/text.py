r"""Text as people and machines give it, made such that it can be written down anywhere.

A terminal that speaks another encoding than ours gives bytes that are no text, and Python
keeps them as lone surrogates, which no file, hash or database takes. Postgres has no NUL.
What was given is kept, escaped, rather than refused: it is a reason or a name for people, and
a halt does not wait for somebody to type it better.

>>> storable("Börse"), storable("B\udcf6rse"), storable("a\0b")
('Börse', 'B\\udcf6rse', 'a\\x00b')
"""


def storable(text: str) -> str:
    """The same, with what cannot be written down escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
