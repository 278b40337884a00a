"""Every response that Chromium received, from its log of the network."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

type Responses = Mapping[str, bytes]
"""Heads and bodies by address; several responses of one address follow each other."""


def responses(net_log: Path) -> Responses:
    """Return what a browser that has ended received, as its log has it."""
    log = json.loads(net_log.read_text("utf-8"))
    kinds = {number: name for name, number in log["constants"]["logEventTypes"].items()}
    addresses: dict[int, str] = {}
    received: dict[str, bytearray] = {}
    for event in log["events"]:
        source, content = event["source"]["id"], event.get("params", {})
        kind = kinds[event["type"]]
        if kind == "URL_REQUEST_START_JOB" and "url" in content:
            addresses[source] = content["url"]
        elif source in addresses:
            received.setdefault(addresses[source], bytearray()).extend(_received(kind, content))
    return {address: bytes(content) for address, content in received.items()}


def _received(kind: str, content: Mapping[str, Any]) -> bytes:
    if kind == "HTTP_TRANSACTION_READ_RESPONSE_HEADERS":
        return "\n".join([*content["headers"], ""]).encode()
    return base64.b64decode(content.get("bytes", "")) if kind == "URL_REQUEST_JOB_FILTERED_BYTES_READ" else b""
