"""Local receiver of webhooks that verifies signatures, as a platform's does."""

import base64
from typing import Any, ClassVar

from standardwebhooks import Webhook, WebhookVerificationError

from tests.support.platforms.http_server import LocalServer, Request, Response, reply

SECRET = "whsec_" + base64.b64encode(b"a secret of a webhook receiver").decode()


class LocalWebhook(LocalServer):
    """Takes each notice once by its id, with a receipt."""

    main: ClassVar[str] = "/notices"

    def __init__(self, *, tls: bool = False) -> None:
        super().__init__(tls=tls)
        self.notices: dict[str, Any] = {}
        """Notices by webhook-id."""
        self.duplicates: list[str] = []
        """Ids that came again."""
        self.n_forged = 0

    @property
    def address(self) -> str:
        return self.url + self.main

    def answer(self, request: Request) -> Response:
        try:
            notice = Webhook(SECRET).verify(request.body, request.headers)
        except WebhookVerificationError as error:
            self.n_forged += 1
            return reply({"error": "forged", "message": str(error)}, 401)
        key = request.headers["webhook-id"]
        if key in self.notices:
            self.duplicates.append(key)
        self.notices[key] = notice
        return reply({"receipt": f"W-{list(self.notices).index(key) + 1}"}, 202)
