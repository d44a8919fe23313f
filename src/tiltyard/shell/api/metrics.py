"""``/metrics``: what the desk shows of itself to Prometheus.

It is written from the last picture (:mod:`tiltyard.shell.exporter`), so a scrape asks neither the
desk nor its database for anything, and is answered while the database is away: the heartbeat in it
then says since when nothing was judged.
"""

from collections.abc import Mapping
from typing import Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.api.inside import Inside

_TEXT: Mapping[int | str, dict[str, Any]] = {
    200: {
        "description": "Every family, in the text format of Prometheus or in that of OpenMetrics.",
        "content": {"text/plain": {"schema": {"type": "string"}},
                    "application/openmetrics-text": {"schema": {"type": "string"}}},
    }
}  # fmt: skip


def metrics_routes(inside: Inside) -> APIRouter:
    """The address that Prometheus scrapes."""
    router = APIRouter(tags=["metrics"])
    reads = Depends(inside.gate.lets_in("read"))
    one_by_one = anyio.CapacityLimiter(1)

    @router.get(
        "/metrics", dependencies=[reads], response_class=PlainTextResponse, responses=dict(_TEXT)
    )
    async def show_metrics(request: Request) -> Response:
        """Show guards, metrics, traffic and tasks of every arm to Prometheus."""
        accept = request.headers.get("accept", "")
        found = await anyio.to_thread.run_sync(inside.exposition.text, accept, limiter=one_by_one)
        if found is None:
            raise TiltyardError(
                "NOT_READY", "metrics", "the desk has not judged anything yet",
                "ask again in a moment",
            )  # fmt: skip
        text, content_type = found
        return Response(text, media_type=content_type)

    return router
