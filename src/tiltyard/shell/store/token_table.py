"""Who may talk to the desk over HTTP: tokens, kept as hashes, with what each may do.

The secret is shown once, to whoever makes the token. It is 256 random bits, so its SHA-256
is as good as any slower hash: nobody can guess what to try. A token ends when it is revoked or
its time is over; its row stays, since the audit names who has asked.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import sqlalchemy as sa

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.audit_table import append_audit
from tiltyard.shell.store.desk_tables import tokens

Scope = Literal["read", "ingest", "operate", "approve"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""What a token may do: look; report facts; ask for verbs; give back what was taken."""
PREFIX = "tiltyard_"
"""How every secret begins, so that whoever finds one in a log knows what it is."""


@dataclass(frozen=True, slots=True)
class Token:
    """Somebody who may talk to the desk.

    Attributes:
        name: Who it is, for the audit.
        scopes: What it may do.
        created_at: UTC.
        expires_at: UTC; None for never.
        revoked_at: UTC; None while it is good.
    """

    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether it opens the door now."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def in_order(scopes: Iterable[Scope]) -> list[Scope]:
    """The same, as people list them."""
    return [scope for scope in SCOPES if scope in scopes]


def hash_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def add_token(connection: sa.Connection, token: Token, secret: str, actor: str) -> None:
    """Let somebody in, and audit it; inside a transaction that writes.

    Raises:
        TiltyardError: ``TOKEN_NAMED`` when the name has been used before.
    """
    if connection.scalar(sa.select(tokens.c.name).where(tokens.c.name == token.name)):
        raise TiltyardError(
            "TOKEN_NAMED", token.name, "there is or was a token of this name, and the audit "
            "tells of it", "choose another name",
        )  # fmt: skip
    scopes = in_order(token.scopes)
    row = {"name": token.name, "hash": hash_of(secret), "scopes": " ".join(scopes),
           "created_at": token.created_at, "expires_at": token.expires_at}  # fmt: skip
    connection.execute(tokens.insert().values(**row))
    expires = None if token.expires_at is None else time_text(token.expires_at)
    event = {"event": "token", "at": token.created_at, "actor": actor, "name": token.name,
             "scopes": scopes, "expires_at": expires}  # fmt: skip
    append_audit(connection, [event], token.created_at)


def revoke_token(connection: sa.Connection, name: str, at: datetime, actor: str) -> bool:
    """Shut somebody out, and audit it; False when that was done before.

    Raises:
        TiltyardError: ``TOKEN_UNKNOWN``.
    """
    row = connection.execute(sa.select(tokens).where(tokens.c.name == name)).mappings().first()
    if row is None:
        raise TiltyardError("TOKEN_UNKNOWN", name, "there is no such token", "see: token list")
    if row["revoked_at"] is not None:
        return False
    connection.execute(tokens.update().where(tokens.c.name == name).values(revoked_at=at))
    event = {"event": "token_revoked", "at": at, "actor": actor, "name": name}
    append_audit(connection, [event], at)
    return True


def find_token(connection: sa.Connection, hashed: str) -> Token | None:
    """Whose secret has this hash; None for nobody's."""
    query = sa.select(tokens).where(tokens.c.hash == hashed)
    row = connection.execute(query).mappings().first()
    return None if row is None else _token(row)


def every_token(connection: sa.Connection) -> Sequence[Token]:
    """Those that are or were, in the order in which they were made."""
    query = sa.select(tokens).order_by(tokens.c.created_at, tokens.c.name)
    return [_token(row) for row in connection.execute(query).mappings()]


def _token(row: sa.RowMapping) -> Token:
    said = row["scopes"].split()
    scopes = frozenset(scope for scope in SCOPES if scope in said)
    return Token(row["name"], scopes, row["created_at"], row["expires_at"], row["revoked_at"])
