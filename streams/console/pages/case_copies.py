"""What was found for a case: copies as families with their due times, and the newest events."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from streams.console.site import Site
from streams.console.store.acts import ShownAct
from streams.console.store.takedowns import CaseEvent, Filter, Row
from streams.delivery.families import Family, families, repeat_uploaders
from streams.takedown.life import PENDING

OF_CASE = 200
"""Takedowns whose families are shown: those that are due first."""
_MAX_FAMILIES, _MAX_UPLOADERS, _MAX_EVENTS = 20, 10, 50


class ShownFamily(NamedTuple):
    """A family, and that of its takedowns that is due first."""

    family: Family
    names: list[str]
    """Of the files that it matches, as far as this machine has them, else the first letters of their ids."""
    first_due: Row | None
    """None if none of them is pending."""


def found_copies(site: Site, case_id: str, acts: list[ShownAct]) -> dict[str, Any]:
    """Return what a case's page shows of its copies; work is that of `OF_CASE` takedowns at most."""
    rows = site.store.takedowns.page(Filter(case_id=case_id), limit=OF_CASE)
    last = [row.last for row in rows]
    found = families(last)
    first_due = {row.last.takedown_id: row for row in rows if row.due_s is not None and row.last.state in PENDING}
    names = site.file_names(case_id)
    events = site.store.takedowns.newest_events(case_id, _MAX_EVENTS)
    return {
        "families": [_shown(family, first_due, names) for family in found[:_MAX_FAMILIES]],
        "n_families": len(found),
        "n_of_families": len(rows),
        "uploaders": repeat_uploaders(last)[:_MAX_UPLOADERS],
        "timeline": _newest(events, acts),
    }


def _shown(family: Family, pending: dict[str, Row], names: Mapping[str, str]) -> ShownFamily:
    due = [pending[copy.takedown_id] for copy in family.copies if copy.takedown_id in pending]
    files = [names.get(one) or one[:8] for one in family.reference_ids]
    return ShownFamily(family, files, min(due, key=_due_s, default=None))


def _due_s(row: Row) -> float:
    return row.due_s or 0.0


def _newest(events: list[CaseEvent], acts: list[ShownAct]) -> list[CaseEvent | ShownAct]:
    """Return events of takedowns and acts on the case, the newest first; neither pushes the other out."""
    both: list[CaseEvent | ShownAct] = [*events, *acts]
    return sorted(both, key=lambda one: one.act.at.timestamp() if isinstance(one, ShownAct) else one.at_s, reverse=True)
