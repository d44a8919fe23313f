"""Whatever the description allows, and much that it does not, is answered as it says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from served import Served, populate, serving

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance,
    response_schema_conformance,
]  # fmt: skip
EXAMPLES = 25


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("described")
    database = str(folder / "desk.db")
    populate(database)
    with serving(database, folder, "[api]\nrequests_per_second = 10000\n") as served:
        yield served


@pytest.fixture(scope="module")
def described(desk: Served) -> schemathesis.schemas.BaseSchema:
    """What the desk says of itself."""
    return schemathesis.openapi.from_url(f"{desk.url}/openapi.json")


@pytest.fixture(scope="module")
def headers(desk: Served) -> dict[str, str]:
    """Of somebody who may do everything."""
    return {"Authorization": f"Bearer {desk.token()}"}


LOOKED_AT = ("/healthz", "/readyz", "/metrics", "/v1/route", "/v1/policies", "/v1/reviews",
             "/v1/acknowledge/{secret}")  # fmt: skip
SENT_TO = (
    "/v1/trades", "/v1/marks", "/v1/observations", "/v1/decisions", "/v1/heartbeats", "/v1/route",
    "/v1/policies", "/v1/policies/{policy}/halt", "/v1/policies/{policy}/rollback",
    "/v1/policies/{policy}/approve", "/v1/stop-all", "/v1/resume", "/v1/scale",
    "/v1/reviews/{number}/acknowledge", "/v1/messages/{number}/acknowledge",
)  # fmt: skip
BUTTON = "/v1/acknowledge/{secret}"
"""Takes whatever comes, so nothing is wrong about it."""


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        *(("GET", path, GenerationMode.POSITIVE) for path in LOOKED_AT),
        ("POST", BUTTON, GenerationMode.POSITIVE),
        *(("POST", path, mode) for path in SENT_TO for mode in GenerationMode),
    ],
)
def test_every_answer_is_one_that_is_described(
    described: schemathesis.schemas.BaseSchema,
    headers: dict[str, str],
    method: str,
    path: str,
    mode: GenerationMode,
) -> None:
    @given(described[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def check(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    check()
