"""How the API says no: one shape for every error, and the status that goes with its code.

The code is the one that the command line shows and ``docs/reference/errors.md`` explains. What
lets us down, the machine or the ledger, is 500 or 503, and the same request may be taken later;
below 500 it will be refused again, save 401, 403 and 429. Where the ledger is and what its
driver says is for the desk's own log.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tiltyard.facts.command import CommandRefused
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.shell.api.items import ItemFault
from tiltyard.shell.api.reports import ItemsRefused
from tiltyard.shell.exit_codes import FAILURES

RETRY_SECONDS = 2
_STATUS: Mapping[str, HTTPStatus] = {
    "ADDRESS_UNKNOWN": HTTPStatus.NOT_FOUND,
    "CAPITAL_INVALID": HTTPStatus.UNPROCESSABLE_ENTITY,
    "BATCH_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "COMMAND_FAILED": HTTPStatus.INTERNAL_SERVER_ERROR,
    "HOLD_UNKNOWN": HTTPStatus.NOT_FOUND,
    "ITEMS_REFUSED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "MONEY_INVALID": HTTPStatus.UNPROCESSABLE_ENTITY,
    "PAGE_UNKNOWN": HTTPStatus.NOT_FOUND,
    "POLICY_NAME_INVALID": HTTPStatus.UNPROCESSABLE_ENTITY,
    "POLICY_UNKNOWN": HTTPStatus.NOT_FOUND,
    "REQUEST_INVALID": HTTPStatus.UNPROCESSABLE_ENTITY,
    "REQUEST_MALFORMED": HTTPStatus.BAD_REQUEST,
    "REQUEST_SLOW": HTTPStatus.REQUEST_TIMEOUT,
    "REVIEW_UNKNOWN": HTTPStatus.NOT_FOUND,
    "SCOPE_MISSING": HTTPStatus.FORBIDDEN,
    "SHARE_INVALID": HTTPStatus.UNPROCESSABLE_ENTITY,
    "TEXT_TOO_LONG": HTTPStatus.UNPROCESSABLE_ENTITY,
    "TOKEN_MISSING": HTTPStatus.UNAUTHORIZED,
    "TOKEN_REFUSED": HTTPStatus.UNAUTHORIZED,
    "TOO_FAST": HTTPStatus.TOO_MANY_REQUESTS,
}
_HEADERS: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": str(RETRY_SECONDS)},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": str(RETRY_SECONDS)},
}
_TOO_LONG, _NOT_JSON = "too_long", "json_invalid"


def refuse_politely(app: FastAPI) -> None:
    """Every error of this application has the one shape."""
    app.add_exception_handler(TiltyardError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_the_request)
    app.add_exception_handler(HTTPException, _of_the_address)
    app.add_exception_handler(Exception, _of_nobody)


def answer_to(error: TiltyardError) -> JSONResponse:
    """What is said of an error."""
    ours = HTTPStatus.SERVICE_UNAVAILABLE if error.code in FAILURES else HTTPStatus.CONFLICT
    status = _STATUS.get(error.code, ours)
    if error.code.startswith("DATABASE_"):
        error = TiltyardError(
            error.code, "the ledger", "it cannot be used now", "the desk's own log says more"
        )
    if isinstance(error, CommandRefused):
        error = TiltyardError(error.code, "", error.facts.removeprefix(f"{error.code} "))
    faults: Sequence[ItemFault] = ()
    if isinstance(error, ItemsRefused):
        faults = error.items
    elif isinstance(error, Faults):
        faults = [ItemFault(None, one.place, one.message) for one in error.faults]
    said = {
        "code": error.code, "subject": error.subject, "facts": error.facts,
        "remedy": error.remedy,
        "faults": [{"item": one.item, "place": one.place, "message": one.message}
                   for one in faults],
    }  # fmt: skip
    return JSONResponse({"error": said}, status, headers=_HEADERS.get(status))


async def _of_ours(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, TiltyardError):
        raise error
    return answer_to(error)


async def _of_the_request(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    kind = request.headers.get("Content-Type", "")
    if request.method == "POST" and "json" not in kind:
        return answer_to(
            TiltyardError(
                "REQUEST_MALFORMED",
                "Content-Type",
                f"expected application/json, found {kind!r}",
                "send the header Content-Type: application/json",
            )
        )
    details = error.errors()
    kinds = {detail["type"] for detail in details}
    if _NOT_JSON in kinds:
        return answer_to(
            TiltyardError("REQUEST_MALFORMED", "the body", "it is no JSON", "see: /openapi.json")
        )
    if kinds == {_TOO_LONG}:
        return answer_to(
            TiltyardError(
                "BATCH_TOO_LARGE", "the body", str(details[0]["msg"]), "send it in several"
            )
        )
    return answer_to(RequestInvalid(_faults(details)))


async def _of_the_address(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    malformed = error.status_code == HTTPStatus.BAD_REQUEST
    code = "REQUEST_MALFORMED" if malformed else "ADDRESS_UNKNOWN"
    said = TiltyardError(code, "the request", str(error.detail), "see: /openapi.json")
    answer = answer_to(said)
    answer.status_code = error.status_code
    answer.headers.update(error.headers or {})
    return answer


async def _of_nobody(_: Request, error: Exception) -> JSONResponse:
    """A defect of ours: the server's log has it, and the caller learns no more than that."""
    said = f"it has failed: {type(error).__name__}"
    answer = answer_to(TiltyardError("COMMAND_FAILED", "the request", said, "see the desk's log"))
    answer.status_code = HTTPStatus.INTERNAL_SERVER_ERROR
    return answer


class RequestInvalid(ItemsRefused):
    """A request that is not as the description says, with all that is wrong."""

    def __init__(self, faults: Sequence[ItemFault]) -> None:
        super().__init__("the request", faults)
        self.code, self.remedy = "REQUEST_INVALID", "see: /openapi.json"


def _faults(details: Sequence[Mapping[str, Any]]) -> list[ItemFault]:
    """Where they are; of a field that may be of several types, what each of them wants."""
    found: dict[tuple[int | None, str], list[str]] = {}
    for detail in details:
        where = [part for part in detail["loc"] if part != "body"]
        item = next((part for part in where if isinstance(part, int)), None)
        names = where if item is None else where[where.index(item) + 1 :]
        messages = found.setdefault((item, str(names[0]) if names else ""), [])
        if (message := str(detail["msg"])) not in messages:
            messages.append(message)
    return [
        ItemFault(item, place, "; or ".join(messages)) for (item, place), messages in found.items()
    ]
