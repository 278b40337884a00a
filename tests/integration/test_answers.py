"""`jikimi answers` on a broker: what it accepts are deliveries, and a signal ends it."""

import asyncio
import io
import re
import signal
from pathlib import Path

import aiosmtplib
import httpx
from rich.console import Console

from streams.delivery.answers.serve import serve_answers
from streams.delivery.channels.return_address import return_address
from streams.delivery.history import read_deliveries
from streams.settings import load_settings
from tests.support.brokers import make_topics
from tests.support.deadline import DEADLINE_S
from tests.unit.delivery.answers.test_app import SECRET, answer, signed
from tests.unit.delivery.answers.test_bounces import plain
from tests.unit.delivery.channels.made import TAKEDOWN

PLATFORMS = "video: {title: Video, answers_secret: video}\nother: {title: others}\n"


async def test_answers_and_bounces_are_deliveries(embedded: str, prefix: str, tmp_path: Path) -> None:
    make_topics(embedded, prefix)
    (tmp_path / "platforms.yaml").write_text(PLATFORMS)
    delivery = {
        "platforms": tmp_path / "platforms.yaml",
        "secrets": {"video": SECRET},
        "mail_from": "notices@centre.example",
        "bounce_key": "a key",
    }
    settings = load_settings(bootstrap_servers=embedded, topic_prefix=prefix, delivery=delivery)
    printed = io.StringIO()
    serving = asyncio.create_task(serve_answers(settings, "127.0.0.1", 0, 0, Console(file=printed, width=200)))
    async with asyncio.timeout(DEADLINE_S):
        while len(ports := re.findall(r"127\.0\.0\.1:(\d+)", printed.getvalue())) < 2:
            assert not serving.done(), serving.result()
            await asyncio.sleep(0.05)
        async with httpx.AsyncClient(timeout=DEADLINE_S) as client:
            url = f"http://127.0.0.1:{ports[0]}/v1/answers/video"
            assert (await client.post(url, **signed(answer(outcome="removed")))).status_code == 202
        recipient = return_address(settings.delivery).of(TAKEDOWN)
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=int(ports[1]), start_tls=False) as smtp:
            await smtp.sendmail("", [recipient], plain())
        signal.raise_signal(signal.SIGTERM)
        await serving
    found = await read_deliveries(settings)
    assert [(step.takedown_id, step.kind, step.outcome, step.channel) for step in found] == [
        (TAKEDOWN, "answer", "gone", "answers/video"),
        (TAKEDOWN, "answer", "refused", "mail"),
    ]
