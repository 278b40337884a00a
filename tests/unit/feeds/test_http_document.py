"""The HTTP feed against its own OpenAPI document: requests that it allows, and requests that it forbids."""

import asyncio
import re
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import SecretStr
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from streams.delivery.reading.routes import platform_routes
from streams.feeds.http.app import create_app
from streams.feeds.http.ingestor import Ingestor
from streams.feeds.http.settings import HttpSettings
from tests.unit.delivery.reading.test_routes import VIDEO, event, made_access
from tests.unit.feeds.test_http import Broker

TOKEN = "a token of the tests"
SIGNED = {"Authorization": f"Bearer {TOKEN}"}
FEW = settings(max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
OF_PLATFORM = {"Authorization": f"Bearer {VIDEO}"}
OUTCOME = "/v1/takedowns/{takedown_id}/outcome"
OPERATIONS = (
    ("/v1/posts", "POST", SIGNED),
    ("/v1/removals", "POST", SIGNED),
    ("/ready", "GET", SIGNED),
    ("/v1/takedowns", "GET", OF_PLATFORM),
    (OUTCOME, "POST", OF_PLATFORM),
)


@pytest.fixture(scope="module")
def document() -> OpenApiSchema:
    """Return the document of a feed whose broker accepts everything."""
    wanted, broker = HttpSettings(token=SecretStr(TOKEN)), Broker()
    ingestor = Ingestor(wanted, broker.progress)
    app = create_app(wanted, ingestor, platform_routes(made_access([event(0)])))
    tasks: list[asyncio.Task[None]] = []

    async def write() -> None:
        tasks.append(asyncio.create_task(broker.write_all(ingestor)))

    app.on_startup.append(write)
    return schemathesis.openapi.from_asgi("/schema/openapi.json", app, headers=SIGNED)


RULES = re.compile(
    "a post needs media|alt belongs to a medium|needs platform and|Idempotency-Key was used"
    "|refused needs a reason|the cursor is beyond the log"
)
"""Reasons to refuse what the document's schema allows: its descriptions have them, about several fields together."""


@pytest.mark.parametrize(("path", "method", "headers"), OPERATIONS)
def test_what_the_document_allows_is_accepted_or_breaks_a_rule_of_its_texts(
    document: OpenApiSchema, path: str, method: str, headers: dict[str, str]
) -> None:
    @given(document[path][method].as_strategy())
    @FEW
    def check(case: Case[Any]) -> None:
        response = case.call(headers=headers)
        breaks_a_rule = response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY and RULES.search(response.text)
        checks: list[CheckFunction] = [positive_data_acceptance] if breaks_a_rule else []
        case.validate_response(response, excluded_checks=checks, headers=headers)

    check()


@pytest.mark.parametrize("path", ["/v1/posts", "/v1/removals", OUTCOME])
def test_what_the_document_forbids_is_refused_as_it_shows(document: OpenApiSchema, path: str) -> None:
    @given(document[path]["POST"].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @FEW
    def check(case: Case[Any]) -> None:
        case.call_and_validate(headers=OF_PLATFORM if path == OUTCOME else SIGNED)

    check()
