"""The addresses of the API, and what stands before all of them.

``/openapi.json`` describes it; the description is the contract. There is no page for people:
those that come with the library are made of what other machines on the internet serve.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse

from tiltyard import __version__
from tiltyard.shell.api import wire
from tiltyard.shell.api.alerts import alert_routes
from tiltyard.shell.api.answers import refuse_politely
from tiltyard.shell.api.facts import fact_routes
from tiltyard.shell.api.heartbeats import heartbeat_routes
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.api.limits import LimitedBody
from tiltyard.shell.api.messages import message_routes
from tiltyard.shell.api.metrics import metrics_routes
from tiltyard.shell.api.standing import standing_routes
from tiltyard.shell.api.traffic import traffic_routes
from tiltyard.shell.api.verbs import verb_routes

_REFUSALS: Mapping[int | str, dict[str, Any]] = {
    400: {"model": wire.Refusal, "description": "It is no JSON."},
    401: {"model": wire.Refusal, "description": "No token, or none that is good."},
    403: {"model": wire.Refusal, "description": "The token may not do that."},
    404: {"model": wire.Refusal, "description": "There is no such thing."},
    408: {"model": wire.Refusal, "description": "It took too long to come."},
    409: {"model": wire.Refusal, "description": "It is refused as things stand."},
    413: {"model": wire.Refusal, "description": "It is too much at once."},
    422: {"model": wire.Refusal, "description": "Something in it is wrong; nothing was written."},
    429: {"model": wire.Refusal, "description": "Too many requests; Retry-After says when."},
    503: {"model": wire.Refusal, "description": "Not now; Retry-After says when."},
}


def application(inside: Inside) -> FastAPI:
    """The API over what is inside."""
    app = FastAPI(
        title="Tiltyard",
        version=__version__,
        summary="A champion trades; challengers earn their traffic or lose it.",
        responses=dict(_REFUSALS),
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(LimitedBody)
    refuse_politely(app)
    app.include_router(_health(inside))
    app.include_router(metrics_routes(inside))
    app.include_router(fact_routes(inside))
    app.include_router(heartbeat_routes(inside))
    app.include_router(traffic_routes(inside))
    app.include_router(standing_routes(inside))
    app.include_router(verb_routes(inside))
    app.include_router(message_routes(inside))
    app.include_router(alert_routes(inside))
    return app


def _health(inside: Inside) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def lives() -> wire.Health:
        """Say that the process lives."""
        return wire.Health(status="alive", reasons=[])

    @router.get("/readyz", responses={503: {"model": wire.Health}})
    async def is_ready() -> JSONResponse:
        """Say whether the desk judges what comes in, and if not, why."""
        reasons = list(inside.troubles())
        said = wire.Health(status="waits" if reasons else "judges", reasons=reasons)
        return JSONResponse(said.model_dump(), 503 if reasons else 200)

    return router
