"""Server of Bluesky's interface: queries by name, logged in where an account is set."""

from collections.abc import Mapping
from typing import Any

import httpx

from streams.delivery.web_client import NoReply, ask
from streams.desk.search.platform import RefusedError
from streams.desk.search.query import get, read
from streams.desk.search.settings import SearchSettings

PUBLIC = "https://public.api.bsky.app"
"""Bluesky's own server for those without an account, which refuses searches."""
_TIMEOUT_S = 20.0


class BlueskyServer:
    """The server of the settings, or else the public one, which nobody logs in to."""

    def __init__(self, settings: SearchSettings, client: httpx.AsyncClient) -> None:
        self._settings, self._client = settings, client
        self.url = (settings.bluesky or PUBLIC).rstrip("/")
        self._token = ""

    async def get(self, name: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer to a query.

        Parameters
        ----------
        name
            Of its lexicon, such as app.bsky.feed.getPosts.

        Raises
        ------
        RefusedError
            There is none.
        """
        token = self._token or await self._log_in()
        try:
            found = await get(self._client, f"{self.url}/xrpc/{name}", params, token)
        except RefusedError as error:
            if error.reason == "forbidden":
                self._token = ""  # it may have expired: the next query logs in again, which servers limit by the day
            raise
        return found if isinstance(found, dict) else {}

    async def _log_in(self) -> str:
        if not (self._settings.bluesky and self._settings.bluesky_account):
            return ""
        login = {
            "identifier": self._settings.bluesky_account,
            "password": self._settings.bluesky_password.get_secret_value(),
        }
        url = f"{self.url}/xrpc/com.atproto.server.createSession"
        try:
            answer = read(await ask(self._client, "POST", url, timeout_s=_TIMEOUT_S, json=login))
        except NoReply as none:
            raise RefusedError("unavailable", f"{none.address}: {none.error}") from none
        self._token = str(answer.get("accessJwt") or "") if isinstance(answer, dict) else ""
        return self._token
