"""Output of `jikimi audit verify`."""

from collections.abc import Iterable

import msgspec
from rich.console import Console

from streams.audit.checkpoints import Anchor, anchor_line, parse_anchor
from streams.desk.audit.finding import Finding
from streams.desk.audit.verify import Summary, open_audit
from streams.errors import UsageError
from streams.kafka.usage_errors import usage_errors
from streams.settings import Settings

_KNOWN = "among JIKIMI_AUDIT_TRUSTED_KEYS (`jikimi audit keys` there prints it, ops/docs/audit.md)"


def report(settings: Settings, console: Console, *, case_id: str, anchor: str, as_json: bool) -> int:
    """Print every finding as it is found, then what was verified; return the number of findings.

    Raises
    ------
    UsageError
        The line is no anchor, a key cannot be read, or the broker does not answer.
    """
    expected = _anchor(anchor)
    audit = open_audit(settings)
    with usage_errors(settings):
        n_findings, n_unknown = _print(audit.findings(case_id, expected), console, as_json=as_json)
    summary = audit.summary()
    if as_json:
        _line(console, msgspec.json.encode(summary._asdict() | {"findings": n_findings}).decode())
    else:
        _line(console, summary_line(summary, n_findings, expected))
        if n_unknown:
            _line(console, f"{n_unknown} with an unknown key: that of a stage or of a colleague has to be {_KNOWN}")
    return n_findings


def _print(findings: Iterable[Finding], console: Console, *, as_json: bool) -> tuple[int, int]:
    """Print the findings; return their number, and that of those with an unknown key."""
    n_findings = n_unknown = 0
    for finding in findings:
        n_findings += 1
        n_unknown += "unknown key" in finding.words
        _line(console, msgspec.json.encode(finding).decode() if as_json else finding.line())
    return n_findings, n_unknown


def _line(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def summary_line(summary: Summary, n_findings: int, anchor: Anchor | None) -> str:
    """Return what was verified, in words."""
    found = "1 finding" if n_findings == 1 else f"{n_findings or 'no'} findings"
    verified = (
        f"{found}; verified: {summary.events} events of takedowns, {summary.unsigned} of them unsigned (older), "
        f"{summary.acts} acts, {summary.checkpoints} checkpoints; {summary.at_once} events written at once with "
        f"another, {summary.accepted} accepted by a person"
    )
    lines = [verified]
    if anchor is not None and not n_findings:
        lines.append(f"nothing up to checkpoint {anchor.number} of the anchor was cut or replaced")
    if summary.last is not None:
        lines.append(f"keep elsewhere: {anchor_line(summary.last)}")
    return "\n".join(lines)


def _anchor(line: str) -> Anchor | None:
    try:
        return parse_anchor(line) if line else None
    except ValueError as error:
        raise UsageError(str(error)) from error
