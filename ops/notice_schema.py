"""Write the JSON Schema of a notice, as webhooks receive it, into ops/docs.

python -m ops.notice_schema
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from schemas.messages import Notice

DOCUMENT = Path(__file__).parent / "docs" / "notice.schema.json"


def document() -> dict[str, Any]:
    """Return the JSON Schema of a notice."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Notice)}


def main() -> None:
    """Write the JSON Schema."""
    DOCUMENT.write_text(json.dumps(document(), indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
