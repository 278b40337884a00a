"""All figures of cost in one run: python -m ops.bench [--only A,B] [--json FILE] [--page FILE] [--seed N] [--long].

Ratios compare what was measured within the run. A figure that this machine or this size does not give is printed as
"not measured", with the reason. When the load at the start exceeds half the cores, no figure counts as stable.
"""

import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ops.bench.suite.machine import header
from ops.bench.suite.report import Report
from ops.bench.suite.section import Figures, Run, Section, not_measured
from ops.bench.suite.sections import SECTIONS
from ops.java import UnavailableError
from streams.errors import UsageError
from streams.evaluation.cpu import cpu_s
from streams.telemetry.logs import configure_logging


def main(
    *,
    only: Annotated[str, typer.Option(help="Sections, separated by commas; all by default.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    page: Annotated[Path | None, typer.Option(help="Write a page with plots here.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything made.")] = 1,
    long: Annotated[bool, typer.Option("--long", help="The full sizes, which take hours.")] = False,
) -> None:
    """Measure and print; exit with 1 if a section failed."""
    sections = chosen(only)
    console = Console()
    report = Report(header(seed, long=long), sections)
    report.print_machine(console)
    failed = 0
    for section in sections:
        with tempfile.TemporaryDirectory(prefix="jikimi-bench-") as folder, console.status(section.title) as status:
            run = Run(seed, long, Path(folder), lambda text, name=section.title: status.update(f"{name}: {text}"))  # type: ignore[misc]
            report.figures[section.name], is_well = measured(section, run)
        failed += not is_well
        report.print_section(section, console)
        if json_file is not None:
            report.write_json(json_file)
        if page is not None:
            page.write_text(report.page(), "utf-8")
    sys.exit(1 if failed else 0)


def chosen(only: str) -> list[Section]:
    """Return the sections of these names, all for none.

    Raises
    ------
    typer.BadParameter
        There is no such section.
    """
    names = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := [name for name in names if name not in SECTIONS]:
        raise typer.BadParameter(f"no section {unknown[0]!r}: there are {', '.join(SECTIONS)}")
    return [SECTIONS[name] for name in names or SECTIONS]


def measured(section: Section, run: Run) -> tuple[Figures, bool]:
    """Return a section's figures with its wall and processor time, seconds, and whether it did not fail."""
    wall_s, used_s, is_well = time.perf_counter(), cpu_s(), True
    try:
        figures = section.measure(run)
    except UnavailableError as error:
        figures = dict.fromkeys(section.targets or ("all",), not_measured(str(error)))
    except (UsageError, RuntimeError, TimeoutError) as error:
        figures = dict.fromkeys(section.targets or ("all",), not_measured(f"failed: {error}"))
        is_well = False
    spent: Figures = {"wall_s": round(time.perf_counter() - wall_s, 1), "cpu_s": round(cpu_s() - used_s, 1)}
    return dict.fromkeys(section.targets, not_measured("no such size in this run")) | figures | spent, is_well


if __name__ == "__main__":
    configure_logging(logging.WARNING)
    typer.run(main)
