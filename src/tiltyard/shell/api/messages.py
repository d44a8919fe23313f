"""Pages over HTTP: whoever has seen one says so, by a token or by the link in what they were told.

A link shows a small page with a button, and changes nothing: chat programs fetch every link that
they are shown. The button does. A link that was never made, is too old or is of nothing is
answered in one way. Only so many are looked up a second: whoever guesses keeps others with a link
waiting, and nobody with a token.
"""

from html import escape
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.text import refuse_long, storable
from tiltyard.shell.api import wire
from tiltyard.shell.api.gate import Strangers
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.store.page_table import LONGEST_SECRET, Page, acknowledge_page, linked_page
from tiltyard.shell.store.token_table import Token

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
"""The address is the secret: nobody keeps it, passes it on or frames it."""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tiltyard</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font:18px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:36rem;padding:0 1rem}
button{font:inherit;padding:.8rem 2rem}</style></head>
<body>%s</body></html>
"""
_NOBODY = _PAGE % "<h1>This link is not good</h1><p>See: tiltyard notify list</p>"


def message_routes(inside: Inside) -> APIRouter:
    """The addresses by which pages are acknowledged."""
    router = APIRouter(prefix="/v1", tags=["messages"])
    links = Strangers("link")
    html: dict[int | str, dict[str, Any]] = {
        status: {"content": {"text/html": {}}} for status in (200, 404)
    }

    @router.post("/messages/{number}/acknowledge")
    async def acknowledge_message(
        number: int,
        token: Annotated[Token, Depends(inside.gate.lets_in("operate"))],
        asked: wire.Asked | None = None,
    ) -> wire.Acknowledged:
        """Say that a page was seen; who was first stays."""
        reason = "" if asked is None else asked.reason
        refuse_long(reason=reason)
        page = await anyio.to_thread.run_sync(
            _acknowledge, inside, number, token.name, storable(reason)
        )
        return wire.Acknowledged(
            number=page.number,
            title=page.title,
            acknowledged_by=page.acknowledged_by,
            acknowledged_at=time_text(page.acknowledged_at or inside.now()),
        )

    @router.get("/acknowledge/{secret}", response_class=HTMLResponse, responses=html)
    async def show(secret: str) -> HTMLResponse:
        """Show what a link would acknowledge; nothing changes."""
        found = await links.look_up(_linked, inside, secret)
        return _answer(None if found is None else _shown(found[0]))

    @router.post("/acknowledge/{secret}", response_class=HTMLResponse, responses=html)
    async def acknowledge_by_link(secret: str) -> HTMLResponse:
        """Acknowledge the page of a link."""
        return _answer(await links.look_up(_acknowledge_linked, inside, secret))

    return router


def _acknowledge(inside: Inside, number: int, actor: str, reason: str) -> Page:
    with inside.door.transaction() as writing:
        return acknowledge_page(writing.connection, number, actor, reason, inside.now())


def _linked(inside: Inside, secret: str) -> tuple[Page, str] | None:
    if len(secret) > LONGEST_SECRET or not secret.isascii():
        return None
    with inside.door.snapshot() as still:
        return linked_page(still.connection, secret, inside.now())


def _acknowledge_linked(inside: Inside, secret: str) -> str | None:
    found = _linked(inside, secret)
    if found is None:
        return None
    page, recipient = found
    return _shown(_acknowledge(inside, page.number, recipient, "by the link"))


def _answer(shown: str | None) -> HTMLResponse:
    if shown is None:
        return HTMLResponse(_NOBODY, 404, headers=_HEADERS)
    return HTMLResponse(_PAGE % shown, headers=_HEADERS)


def _shown(page: Page) -> str:
    lines = "<br>".join(escape(line) for line in page.lines)
    said = f"<h1>{escape(page.title)}</h1><p>{lines}</p>"
    if page.acknowledged_at is None:
        return f'{said}<form method="post"><button>I have seen page {page.number}</button></form>'
    by, at = escape(page.acknowledged_by), time_text(page.acknowledged_at)
    return f"{said}<p>Page {page.number} was acknowledged by {by} at {at}.</p>"
