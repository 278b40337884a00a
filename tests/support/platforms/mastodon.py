"""Local Mastodon: search, reports, and the pages of statuses."""

from typing import Any, ClassVar

from tests.support.platforms.http_server import LocalServer, Request, Response, reply

TOKEN = "a-token-of-mastodon"


class LocalMastodon(LocalServer):
    """A server with statuses that can be added and removed."""

    main: ClassVar[str] = "/api/v1/reports"
    search: ClassVar[str] = "/api/v2/search"

    def __init__(self, *, tls: bool = False) -> None:
        super().__init__(tls=tls)
        self.reports: list[dict[str, list[str]]] = []
        """Forms of the reports."""
        self.statuses: dict[str, dict[str, Any]] = {}
        """By id."""

    def add_status(self, status_id: str, account: str = "mallory") -> str:
        """Add a status, and return its address."""
        url = f"{self.url}/@{account}/{status_id}"
        self.statuses[status_id] = {
            "id": status_id,
            "uri": f"{self.url}/users/{account}/statuses/{status_id}",
            "url": url,
            "content": "<p>a video</p>",
            "account": {"id": f"id-of-{account}", "acct": account, "url": f"{self.url}/@{account}"},
        }
        return url

    def remove_status(self, status_id: str) -> None:
        del self.statuses[status_id]

    def answer(self, request: Request) -> Response:
        if request.path.startswith("/@"):
            known = request.path.rpartition("/")[2] in self.statuses
            return Response(200 if known else 404, b"<title>status</title>", {"Content-Type": "text/html"})
        if request.path.startswith("/api/v1/statuses/"):
            status = self.statuses.get(request.path.rpartition("/")[2])
            return reply(status) if status else reply({"error": "Record not found"}, 404)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return reply({"error": "The access token is invalid"}, 401)
        if request.path == self.search:
            (wanted,) = request.query["q"]
            found = [status for status in self.statuses.values() if wanted in {status["url"], status["uri"]}]
            return reply({"accounts": [], "statuses": found, "hashtags": []})
        if request.path == self.main and request.method == "POST":
            return self._report(request.form())
        return reply({"error": "Not found"}, 404)

    def _report(self, form: dict[str, list[str]]) -> Response:
        if len(form["comment"][0]) > 1_000:
            return reply({"error": "Validation failed: Comment is too long (maximum is 1000 characters)"}, 422)
        accounts = {status["account"]["id"]: status["account"] for status in self.statuses.values()}
        if form["account_id"][0] not in accounts or not set(form["status_ids[]"]) <= self.statuses.keys():
            return reply({"error": "Record not found"}, 404)
        self.reports.append(form)
        report = {"id": str(len(self.reports)), "action_taken": False, "category": form["category"][0]}
        return reply({**report, "target_account": accounts[form["account_id"][0]]})
