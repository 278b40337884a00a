"""Web server in place of the demo's platforms: loopback only, one folder, one redirect to a private address."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MOVED = "moved"
"""Path with a redirect to MOVED_TO."""
MOVED_TO = "http://169.254.169.254/latest/meta-data/"
"""Metadata address of cloud machines, with their secrets: a fetcher that follows the redirect would leak them."""


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.strip("/") != MOVED:
            super().do_GET()
            return
        self.send_response(302)
        self.send_header("Location", MOVED_TO)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Print nothing: the live view uses the terminal."""


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve the folder until the context ends; yield the base url, without a slash at its end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, name="demo-media", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
