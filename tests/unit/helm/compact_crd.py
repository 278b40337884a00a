"""Write a small JSON schema of each custom resource definition: python -m tests.unit.helm.compact_crd FILE.yaml.

Descriptions are left out. A field that Kubernetes would silently drop is refused.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

_ANNOTATIONS = {
    "description", "default", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type",
    "x-kubernetes-validations",
}  # fmt: skip


def compact(schema: Any) -> Any:
    """Return the schema without descriptions, strict."""
    if isinstance(schema, list):
        return [compact(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    # A field may itself be named "description"; then its value is a schema.
    kept = {key: compact(value) for key, value in schema.items() if key not in _ANNOTATIONS or isinstance(value, dict)}
    if isinstance(pattern := kept.get("pattern"), str):
        kept["pattern"] = pattern.replace("^(?i)", "(?i)^")  # from Go's syntax
    if kept.pop("x-kubernetes-int-or-string", False):
        return {"type": ["integer", "string"]}
    if "properties" in kept and not kept.pop("x-kubernetes-preserve-unknown-fields", False):
        kept.setdefault("additionalProperties", False)
    return kept


def main() -> None:
    """Write KIND.json beside this file into crds/ for each definition's stored version."""
    for name in sys.argv[1:]:
        spec = yaml.safe_load(Path(name).read_text("utf-8"))["spec"]
        (version,) = (version for version in spec["versions"] if version["storage"])
        schema = compact(version["schema"]["openAPIV3Schema"])
        # Metadata are validated by Kubernetes itself.
        schema["properties"]["metadata"] = {"type": "object"}
        schema["properties"]["apiVersion"] = {"const": f"{spec['group']}/{version['name']}"}
        file = Path(__file__).parent / "crds" / f"{spec['names']['kind']}.json"
        file.write_text(json.dumps(schema, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
