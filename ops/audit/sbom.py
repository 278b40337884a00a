"""Bill of materials in CycloneDX 1.6 JSON: the locked packages and the models of the manifest."""

import json
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from ops.audit.licences import Licensed
from ops.audit.locked import ROOT

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
_MANIFEST = ROOT / "models" / "manifest.toml"


def bill_of_materials(packages: Iterable[Licensed]) -> dict[str, Any]:
    """Return the document; it names no place that a package was downloaded from."""
    models = tomllib.loads(_MANIFEST.read_text("utf-8"))["model"]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": {
                "type": "application",
                "bom-ref": "jikimi",
                "name": _PROJECT["name"],
                "version": _PROJECT["version"],
                "licenses": [{"expression": _PROJECT["license"]}],
            },
        },
        "components": [*map(_package, packages), *map(_model, models)],
    }


def problem(document: dict[str, Any]) -> str:
    """Return why the document breaks CycloneDX's own schema, empty if it does not; needs the packages of the audit."""
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - not among the locked packages of development
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415 - likewise

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    return "" if error is None else str(error)


def _package(one: Licensed) -> dict[str, Any]:
    name, version, digests, is_runtime = one.package
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version.replace('!', '%21').replace('+', '%2B')}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "scope": "required" if is_runtime else "excluded",
        "purl": purl,
        "licenses": [{"license": {"name": one.licence}}],
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in dict.fromkeys(digests)],
    }


def _model(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{entry['modality']}/{entry['name']}@{entry['version']}",
        "name": entry["name"],
        "version": entry["version"],
        "description": f"{entry['modality']}: {entry['source']}",
        "licenses": [{"license": {"name": entry["licence"]}}],
        "hashes": [{"alg": "SHA-256", "content": entry["sha256"]}] if entry["sha256"] else [],
    }
