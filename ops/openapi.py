"""Write the OpenAPI document of the HTTP feed into ops/docs.

python -m ops.openapi
"""

import json
from pathlib import Path

from streams.delivery.reading.routes import platform_routes
from streams.feeds.http.app import create_app
from streams.feeds.http.settings import HttpSettings

DOCUMENT = Path(__file__).parent / "docs" / "openapi.json"


def main() -> None:
    """Write the OpenAPI document."""
    document = create_app(HttpSettings(), routes=platform_routes(None)).openapi_schema.to_schema()
    DOCUMENT.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
