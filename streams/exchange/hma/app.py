"""Web application with the hash and match endpoints of Meta's Hasher-Matcher-Actioner 2, over the lists."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from streams.errors import RecordError, UsageError
from streams.exchange.hma.hasher import MOST_BYTES, Hasher, Hashes
from streams.exchange.hma.lookup import Lookup, by_bank, content_id, in_banks
from streams.feeds.http.token import token_guard
from streams.rights.table import MACHINE

_COPY_BYTES = 1 << 20
_FORM_BYTES = 64 * 1024
"""Of a request beside its file."""
_FIELDS = ("photo", "video")


class Refused(msgspec.Struct):
    """Reason for a refused request, as at HMA."""

    message: str


def create_app(hasher: Hasher, current: Callable[[], Awaitable[Lookup]], token: str) -> Litestar:
    """Return the application.

    Parameters
    ----------
    current
        Returns the newest lookup.
    token
        Clients send it as Authorization: Bearer; empty for none.
    """

    @get("/status", opt={"open": True, "right": MACHINE}, media_type="text/plain")
    async def status() -> str:
        await current()
        return "I-AM-ALIVE"

    return Litestar(
        [*_hash_routes(hasher), *_match_routes(hasher, current), status],
        guards=[token_guard(token)],
        logging_config=None,
        openapi_config=None,
        request_max_body_size=MOST_BYTES + _FORM_BYTES,
        exception_handlers={UsageError: _refused, RecordError: _refused, HTTPException: _refused},
    )


def _hash_routes(hasher: Hasher) -> list[HTTPRouteHandler]:
    @get("/h/hash", opt={"right": MACHINE})
    async def hash_url(url: FromQuery[str]) -> dict[str, str]:
        return (await hasher.of_url(url)).named()

    @post("/h/hash", status_code=HTTPStatus.OK, opt={"right": MACHINE})
    async def hash_file(request: Request[Any, Any, Any]) -> dict[str, str]:
        return (await _of_upload(hasher, request)).named()

    return [hash_url, hash_file]


def _match_routes(hasher: Hasher, current: Callable[[], Awaitable[Lookup]]) -> list[HTTPRouteHandler]:
    @get("/m/raw_lookup", opt={"right": MACHINE})
    async def raw_lookup(
        signal: FromQuery[str],
        signal_type: FromQuery[str],
        banks: FromQuery[str | None] = None,
        include_distance: FromQuery[bool] = False,
    ) -> dict[str, list[Any]]:
        found = in_banks(await asyncio.to_thread((await current()).signal, signal_type, signal), banks)
        with_distance = [match for matches in by_bank(found).values() for match in matches]
        return {"matches": with_distance if include_distance else [content_id(one) for one in found]}

    @get("/m/lookup", opt={"right": MACHINE})
    async def lookup(
        signal: FromQuery[str | None] = None,
        signal_type: FromQuery[str | None] = None,
        url: FromQuery[str | None] = None,
        banks: FromQuery[str | None] = None,
    ) -> dict[str, Any]:
        if url:
            found = await _matches(await current(), await hasher.of_url(url), banks)
            return found if signal_type is None else found.get(signal_type, {})
        if not signal or not signal_type:
            raise UsageError("either url, or signal and signal_type are needed")
        return by_bank(in_banks(await asyncio.to_thread((await current()).signal, signal_type, signal), banks))

    @post("/m/lookup", status_code=HTTPStatus.OK, opt={"right": MACHINE})
    async def lookup_file(request: Request[Any, Any, Any], banks: FromQuery[str | None] = None) -> dict[str, Any]:
        return await _matches(await current(), await _of_upload(hasher, request), banks)

    return [raw_lookup, lookup, lookup_file]


async def _matches(lookup: Lookup, hashes: Hashes, banks: str | None) -> dict[str, Any]:
    """Return the matches by signal type and bank; a photo is compared in all its positions."""
    found = {}
    for kind, value in hashes.named().items():
        near = lookup.pictures(hashes.pdq) if kind == "pdq" else lookup.signal(kind, value)
        found[kind] = by_bank(in_banks(near, banks))
    return found


async def _of_upload(hasher: Hasher, request: Request[Any, Any, Any]) -> Hashes:
    """Return the hashes of the one file of a form, in a field named photo or video."""
    form = await request.form()
    files = [(name, each) for name, each in form.multi_items() if isinstance(each, UploadFile)]
    if len(files) != 1 or files[0][0] not in _FIELDS:
        raise UsageError(f"one file is needed, in a field named {' or '.join(_FIELDS)}")
    upload = files[0][1]
    with tempfile.NamedTemporaryFile() as copy:
        while chunk := await upload.read(_COPY_BYTES):
            copy.write(chunk)
        copy.flush()
        return await hasher.of_file(Path(copy.name))


def _refused(_: Request[Any, Any, Any], error: Exception) -> Response[Refused]:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.BAD_REQUEST
    detail = error.detail if isinstance(error, HTTPException | RecordError) else str(error)
    return Response(Refused(detail), status_code=status)
