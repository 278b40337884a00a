"""Secrets in the errors of libraries and servers get into no log, dead letter, record of a step or command's error."""

import asyncio
import logging
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from pydantic import SecretStr

from schemas.registry import SchemaRegistry
from streams import cli
from streams.delivery import step_records
from streams.delivery.channels.channel import Answer
from streams.delivery.looks.look import Finding
from streams.delivery.progress import Progress
from streams.desk.hits.settings import HookSettings
from streams.engine.guard import dead_letter
from streams.errors import UnprocessableError
from streams.feeds.dead_letters import gap_dead_letter
from streams.feeds.mastodon.server import Server
from streams.feeds.mastodon.stream import Stream
from streams.secrets.redaction import hide, masked
from streams.settings import load_settings
from streams.telemetry.logs import _formatter, configure_logging
from tests.support.logs import restored_logging
from tests.support.platforms.http_server import LocalServer, Request, Response
from tests.unit.engine.test_guard import record
from tests.unit.made_messages import takedown

SECRET = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _hidden() -> Iterator[None]:
    hide(SECRET)
    with restored_logging():
        yield


class Echo(LocalServer):
    """A server that refuses, and repeats the request with its headers."""

    def answer(self, request: Request) -> Response:
        shown = f"{request.target} {request.headers}"
        return Response(401, b'{"error_code": 40101, "message": "%s"}' % shown.replace('"', "'").encode())


def failed(kind: type[Exception]) -> Exception:
    """Return an error with a secret in its text, and one in a local variable of its traceback."""
    hidden_in_a_local = SECRET
    try:
        raise kind(f"login with {hidden_in_a_local} refused")  # noqa: TRY301 - its traceback is wanted
    except kind as error:
        return error


@pytest.mark.parametrize("pretty", [True, False])
def test_log_lines(*, pretty: bool) -> None:
    error = failed(ValueError)
    line = logging.LogRecord("library", 40, "", 0, f"cannot use {SECRET}", (), (ValueError, error, error.__traceback__))
    shown = _formatter(pretty=pretty).format(line)
    assert "login with [secret] refused" in shown
    assert "cannot use [secret]" in shown
    assert SECRET not in shown


def test_a_traceback_on_a_terminal_has_no_local_variables() -> None:
    error = failed(ValueError)
    line = logging.LogRecord("jikimi", 40, "", 0, "failed", (), (ValueError, error, error.__traceback__))
    assert "hidden_in_a_local = " not in _formatter(pretty=True).format(line)


def test_lines_of_ours(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(logging.INFO)
    structlog.get_logger().info("session open", tokens=[SECRET])
    assert '"tokens": ["[secret]"]' in capfd.readouterr().err


def test_dead_letters_of_stages_and_feeds() -> None:
    bug = dead_letter("text", failed(ValueError), record(), 1)
    assert "[secret]" in bug.detail
    assert "[secret]" in (bug.traceback or "")
    letters = [
        bug,
        dead_letter("text", UnprocessableError("media_decode", f"no {SECRET}"), record(), 1),
        gap_dead_letter("server", feed="mastodon", detail=f"{SECRET} refused"),
    ]
    assert SECRET not in repr(letters)


def test_records_of_steps() -> None:
    answer = Answer("failed", "https://example.org", 401, error=SECRET, receipt=SECRET, detail=f"no {SECRET}")
    finding = Finding("unknown", "web", "https://example.org", 401, SECRET, b"", SECRET)
    last, progress = takedown(), Progress(state="issued", case_id="case-a", platform="site", since=0.0)
    steps = [
        step_records.attempt(last, progress, "mail", answer, None, 1.0),
        step_records.look(last, progress, finding, 1.0),
    ]
    assert SECRET not in repr(steps)
    assert steps[0].detail == "no [secret]"


def test_a_bug_of_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(**_: object) -> None:
        raise failed(RuntimeError)

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    shown = capsys.readouterr().err
    assert ended.value.code == 1
    assert "RuntimeError: login with [secret] refused" in shown
    assert "Traceback" in shown
    assert SECRET not in shown


async def test_a_mastodon_server_that_repeats_the_token() -> None:
    async with Echo() as echo:
        server = Server(echo.url, Stream("public"), SECRET, "sse", 5.0)
        with pytest.raises(Exception, match="answers 401") as refused:
            await server.page("1")
    assert "[secret]" in str(refused.value)
    assert SECRET not in str(refused.value)


async def test_a_schema_registry_that_repeats_the_login() -> None:
    settings = load_settings(schema_registry_auth=SecretStr(f"centre:{SECRET}"))
    async with Echo() as echo:
        registry = SchemaRegistry(echo.url, auth=settings.schema_registry_auth.get_secret_value())
        with pytest.raises(ValueError, match="refuses") as refused:
            await asyncio.to_thread(registry.schema, 1)
        registry.close()
    sent = echo.requests[0].headers["authorization"]
    assert sent.startswith("Basic ")
    assert sent in str(refused.value)  # so it is the mask of the last step that keeps it in
    assert sent.removeprefix("Basic ")[8:-4] not in masked(str(refused.value))


async def test_a_collector_that_repeats_the_headers(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(logging.WARNING)
    settings = load_settings(trace_headers=SecretStr(f"authorization=Bearer%20of-{SECRET}-here,x-tenant=seoul-tenant"))
    async with Echo() as echo:
        exporter = OTLPSpanExporter(endpoint=f"{echo.url}/v1/traces", headers=settings.trace_header_values, timeout=5)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        await asyncio.to_thread(provider.get_tracer("test").start_span("one").end)
        await asyncio.to_thread(provider.shutdown)
    shown = capfd.readouterr().err
    assert echo.requests[0].headers["authorization"] == f"Bearer of-{SECRET}-here"
    assert "401" in shown
    assert SECRET not in shown
    assert "seoul-tenant" not in shown


def test_the_address_of_the_officers_webhook() -> None:
    HookSettings(url="https://chat.example/hooks/T0/B0/a-path-that-lets-in")
    assert masked("401 for url 'https://chat.example/hooks/T0/B0/a-path-that-lets-in'") == "401 for url '[secret]'"
