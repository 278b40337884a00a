"""Messages to officers: bundled, signed, repeated until they are taken, without addresses or pictures."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from operator import length_hint
from typing import Any

import pytest
import stamina
from aiosmtpd.smtp import SMTP
from standardwebhooks import Webhook

from streams.desk.hits.bundle import Bundle
from streams.desk.hits.hook import Hook
from streams.desk.hits.notify import Notifier, gather, notify
from streams.errors import UsageError
from streams.settings import Settings, load_settings
from tests.unit.made_messages import post_ref, takedown, verdict

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver:
    """Sends nothing; keeps the bundles, or fails so many times first."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.taken: list[tuple[str, str]] = []

    async def send(self, bundle: Bundle) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("no route")
        self.taken.append((bundle.case_id, bundle.summary()))


def test_the_hits_of_a_round_are_one_message_for_each_case() -> None:
    receiver, messages = Receiver(), [verdict(verdict_id=f"v{number}", decision="review") for number in range(3)]
    notifier, commits = Notifier(receiver.send), []
    waiting: Iterator[Any] = iter([*messages, verdict(verdict_id="v9"), takedown(case_id="case-b")])
    gather(lambda: next(waiting, None), notifier, _stopping_after(waiting))
    notify(notifier, lambda: commits.append(1), lambda: None)
    assert receiver.taken == [("case-a", "3 review, 1 act"), ("case-b", "1 issued")]
    assert commits == [1]


def _stopping_after(waiting: Iterator[Any]) -> threading.Event:
    """Return an event that is set once the messages are read."""

    class Read(threading.Event):
        def is_set(self) -> bool:
            return length_hint(waiting) == 0

    return Read()


def test_a_message_that_is_not_taken_waits_grows_and_is_committed_only_then() -> None:
    receiver, commits, pauses = Receiver(failures=1), [], []
    notifier = Notifier(receiver.send)
    for number in (1, 2):
        notifier.add(verdict(verdict_id=f"v{number}"))
        notify(notifier, lambda: commits.append(1), lambda: pauses.append(1))
    assert receiver.taken == [("case-a", "2 act")]
    assert (len(commits), len(pauses)) == (1, 2)


def test_without_hits_the_position_is_committed_without_a_pause() -> None:
    commits, pauses = [], []
    notify(Notifier(Receiver().send), lambda: commits.append(1), lambda: pauses.append(1))
    assert (len(commits), len(pauses)) == (1, 0)


async def test_a_round_without_time_keeps_its_messages() -> None:
    receiver = Receiver()
    notifier = Notifier(receiver.send)
    notifier.add(verdict())
    await notifier.flush(limit_s=0)
    assert not notifier.is_idle
    await notifier.flush()
    assert notifier.is_idle


class Server(HTTPServer):
    """A webhook that answers with these codes in turn, then with 204."""

    def __init__(self, *codes: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.codes = list(codes)
        self.taken: list[tuple[bytes, dict[str, str]]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        code = self.server.codes.pop(0) if self.server.codes else 204
        if code < 300:
            self.server.taken.append((body, dict(self.headers.items())))
        self.send_response(code)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def settings(**changes: Any) -> Settings:
    return load_settings(**changes)


def bundle() -> Bundle:
    notifier = Notifier(Receiver().send)
    notifier.add(verdict(post=post_ref("secret-post")))
    return notifier._waiting["case-a"]


@pytest.mark.parametrize("codes", [(), (503, 429)])
async def test_a_webhook_is_signed_tried_again_and_holds_counts_only(codes: tuple[int, ...]) -> None:
    server = Server(*codes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with stamina.set_testing(True, attempts=3):
        hook = {"url": f"http://127.0.0.1:{server.server_port}", "secret": SECRET}
        await Hook(settings(hook=hook)).send(bundle())
    server.shutdown()
    server.server_close()
    ((body, headers),) = server.taken
    message = Webhook(SECRET).verify(body, headers)
    assert message["data"]["counts"] == {"act": 1}
    assert message["data"]["case_id"] == "case-a"
    assert b"example.org" not in body
    assert b"secret-post" not in body


async def test_a_mail_reaches_the_officers() -> None:
    class Mailbox:
        mails: list[Any] = []  # noqa: RUF012 - of this test

        async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - its name
            self.mails.append(envelope)
            return "250 OK"

    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Mailbox()), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    delivery = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_tls": False, "mail_from": "jikimi@example.org"}
    await Hook(settings(hook={"mail_to": "officers@example.org"}, delivery=delivery)).send(bundle())
    server.close()
    (mail,) = Mailbox.mails
    assert mail.rcpt_tos == ["officers@example.org"]
    assert b"Subject: [jikimi] case-a: 1 act" in mail.content
    assert b"\nDate: " in mail.content, "RFC 5322 requires one"
    assert b"\nAuto-Submitted: auto-generated" in mail.content, "no automatic reply is wanted"
    assert b"example.org/p1" not in mail.content


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ({}, "nobody to notify"),
        ({"url": "https://example.org", "secret": "x"}, "JIKIMI_HOOK_SECRET"),
        ({"url": "https://example.org"}, "JIKIMI_HOOK_SECRET"),
        ({"mail_to": "officers@example.org"}, "JIKIMI_DELIVERY_SMTP_HOST"),
    ],
)
def test_a_hook_that_is_not_set_completely_is_refused(hook: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Hook(settings(hook=hook))
