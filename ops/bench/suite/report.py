"""Report of a run: tables, JSON, and a page with plots."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ops.bench.suite.machine import is_quiet
from ops.bench.suite.section import Figures, Section, Value, is_measured, meets
from streams.evaluation import web_page
from streams.evaluation.plots import lines

_UNSTABLE = "not stable"
_CLASSES = {"met": "go", "missed": "no-go", _UNSTABLE: "not"}


@dataclass
class Report:
    """Figures of the sections that have ended."""

    machine: Mapping[str, Value]
    sections: Sequence[Section]
    figures: dict[str, Figures] = field(default_factory=dict)

    def outcome(self, section: Section, key: str) -> str:
        """Return whether a figure meets its target: met, missed, not stable, or nothing without a target or figure."""
        value = self.figures[section.name].get(key, "")
        if key not in section.targets or not is_measured(value) or value == "":
            return ""
        if not is_quiet(self.machine):
            return _UNSTABLE
        return "met" if meets(value, section.targets[key]) else "missed"

    def write_json(self, file: Path) -> None:
        """Write machine and figures, those of a section under its name."""
        content = {"machine": dict(self.machine) | {"stable": is_quiet(self.machine)}, **self.figures}
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")

    def print_machine(self, console: Console) -> None:
        """Print the header, and whether figures of this run count as stable."""
        console.print("  ".join(f"{name} {value}" for name, value in self.machine.items()))
        if not is_quiet(self.machine):
            console.print("[bold red]The load is above half the cores: no figure of this run is stable.[/]")

    def print_section(self, section: Section, console: Console) -> None:
        """Print a row for each figure."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", title=section.title, title_justify="left")
        for head in ("figure", "value", "target", ""):
            table.add_column(head, justify="right" if head == "value" else "left")
        for row in self._rows(section):
            table.add_row(*row)
        console.print(table)

    def page(self) -> str:
        """Return the report as a self-contained page."""
        rows = [(name, str(value)) for name, value in self.machine.items()]
        note = "" if is_quiet(self.machine) else "<p>The load is above half the cores: no figure is stable.</p>"
        parts = [("Machine", note + web_page.table(("", ""), rows))]
        for section in self.sections:
            if section.name in self.figures:
                table = web_page.table(("figure", "value", "target", ""), self._rows(section), _cell)
                parts.append((section.title, _plots(self.figures[section.name]) + table))
        return web_page.page("Jikimi's bench", parts)

    def _rows(self, section: Section) -> list[tuple[str, str, str, str]]:
        return [
            (key, str(value), section.targets.get(key, ""), self.outcome(section, key))
            for key, value in self.figures[section.name].items()
        ]


def series(figures: Figures) -> dict[str, dict[float, float]]:
    """Return the figures that were measured at several sizes, by name: those whose key ends with a size."""
    found: dict[str, dict[float, float]] = {}
    for key, value in figures.items():
        name, _, size = key.rpartition("_")
        if size.isdigit() and isinstance(value, int | float):
            found.setdefault(name, {})[float(size)] = float(value)
    return {name: points for name, points in found.items() if len(points) > 1}


def _plots(figures: Figures) -> str:
    return "".join(lines({name: points}) for name, points in series(figures).items())


def _cell(text: str) -> str:
    kind = _CLASSES.get(text)
    return f'<td class="{kind}">{text}</td>' if kind else web_page.cell(text)
