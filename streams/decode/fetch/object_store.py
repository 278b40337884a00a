"""Source of media in S3-compatible stores, from allowed buckets only."""

from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote

import obstore
from obstore.exceptions import BaseError, InvalidPathError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from streams.decode.fetch.web import Span
from streams.decode.settings import MediaSettings
from streams.errors import TransientError, UnprocessableError

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Config  # exists for type checkers only


class ObjectStoreSource:
    """Streams objects; what the settings do not give comes from the usual AWS_* variables."""

    def __init__(self, settings: MediaSettings) -> None:
        self._settings = settings
        self._stores: dict[str, S3Store] = {}

    def _store(self, bucket: str) -> S3Store:
        if bucket not in self._settings.s3_buckets:
            raise UnprocessableError("link_forbidden", "the bucket is not among the allowed ones")
        if bucket not in self._stores:
            self._stores[bucket] = self._open(bucket)
        return self._stores[bucket]

    def _open(self, bucket: str) -> S3Store:
        endpoint = self._settings.s3_endpoint
        config: S3Config = {"endpoint": endpoint} if endpoint else {}
        if access_key := self._settings.s3_access_key.get_secret_value():
            config["access_key_id"] = access_key
            config["secret_access_key"] = self._settings.s3_secret_key.get_secret_value()
        return S3Store(
            bucket,
            config=config,
            client_options={
                "connect_timeout": timedelta(seconds=self._settings.connect_timeout_s),
                "timeout": timedelta(seconds=self._settings.fetch_timeout_s),
                "allow_http": bool(endpoint and endpoint.startswith("http://")),
            },
            retry_config={"max_retries": 0},  # the record is tried again as a whole
        )

    async def read(
        self, parts: SplitResult, declare: Callable[[int], None], span: Span | None = None
    ) -> AsyncGenerator[bytes]:
        """Yield an object's bytes in chunks, or those of a span, after a call of `declare` with the object's number.

        Raises
        ------
        UnprocessableError, TransientError
            As Fetcher.fetch.
        """
        store = self._store(parts.netloc)
        try:
            wanted: GetOptions = {} if span is None else {"range": span}
            found = await obstore.get_async(store, unquote(parts.path.lstrip("/")), options=wanted)
            size = found.meta["size"]
            if size > self._settings.max_bytes:
                raise UnprocessableError(
                    "media_too_large", f"{size} bytes, {self._settings.max_bytes} allowed (JIKIMI_MEDIA_MAX_BYTES)"
                )
            declare(size)
            async for chunk in found.stream():
                yield bytes(chunk)
        except FileNotFoundError as error:
            raise UnprocessableError("link_gone", "there is no such object") from error
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise UnprocessableError("link_forbidden", "the store refuses our credentials") from error
        except InvalidPathError as error:
            raise UnprocessableError("link_malformed", "no object can have this key") from error
        except BaseError as error:
            raise TransientError("link_unavailable", f"the store failed: {type(error).__name__}") from error
