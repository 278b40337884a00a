"""`make audit`: known vulnerabilities, licences, and a bill of materials of all that is locked.

What ops/broker/pom.xml names, a broker and a registry, is used by tests only and not looked at here.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from ops.audit.licences import Licensed, licences, unused_exceptions
from ops.audit.locked import ROOT, locked_packages
from ops.audit.sbom import bill_of_materials, problem
from ops.audit.vulnerabilities import UnavailableError, vulnerabilities

_BILL = ROOT / "var" / "audit" / "sbom.cdx.json"


def main() -> int:
    """Print the three results, write the files, and return 1 if something is wrong or could not be found out."""
    parser = argparse.ArgumentParser(prog="python -m ops.audit")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to this file")
    parser.add_argument("--service", choices=["pypi", "osv"], default="pypi", help="database of vulnerabilities")
    options = parser.parse_args()
    found = licences(locked_packages())
    wrong, result = [*_licences(found), *_bill(found)], {"licences": _table(found)}
    try:
        holes = vulnerabilities(options.service)
    except UnavailableError as error:
        wrong.append(f"vulnerabilities: unknown, {error}")
    else:
        result["vulnerabilities"] = [one._asdict() for one in holes]
        wrong += [
            f"{one.package} {one.version}: {one.id}, fixed in {', '.join(one.fixed_in) or 'none'}" for one in holes
        ]
    if options.json is not None:
        options.json.write_text(json.dumps(result | {"wrong": wrong}, indent=2) + "\n")
    for line in wrong:
        print(f"WRONG  {line}")  # noqa: T201 - output of a command
    return 1 if wrong else 0


def _licences(found: list[Licensed]) -> list[str]:
    for licence, number in Counter(one.licence for one in found).most_common():
        print(f"{number:4}  {licence}")  # noqa: T201 - output of a command
    for one in found:
        if one.reason:
            print(f"      {one.package.name} {one.package.version}, {one.licence}: {one.reason}")  # noqa: T201 - likewise
    return [
        *(f"{one.package.name} {one.package.version}: licence {one.licence}" for one in found if not one.is_allowed),
        *(f"licences.toml: {name} is not locked, or has another licence" for name in unused_exceptions(found)),
    ]


def _bill(found: list[Licensed]) -> list[str]:
    document = bill_of_materials(found)
    _BILL.parent.mkdir(parents=True, exist_ok=True)
    _BILL.write_text(json.dumps(document, indent=2) + "\n")
    n_parts, version = len(document["components"]), document["specVersion"]
    print(f"{_BILL.relative_to(ROOT)}: {n_parts} components, CycloneDX {version}")  # noqa: T201 - likewise
    return [f"{_BILL.name}: {text}"] if (text := problem(document)) else []


def _table(found: list[Licensed]) -> list[dict[str, Any]]:
    return [
        {"name": one.package.name, "version": one.package.version, "licence": one.licence, "because": one.reason}
        for one in found
    ]


if __name__ == "__main__":
    sys.exit(main())
