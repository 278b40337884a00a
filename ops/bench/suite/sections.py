"""Sections of the bench, in their order, and the targets of their figures."""

from importlib import import_module

from ops.bench.suite.section import Figures, Run, Section


def _section(name: str, title: str, **targets: str) -> Section:
    def measure(run: Run) -> Figures:
        # Only then: models and engines take seconds to import.
        figures: Figures = import_module(f"ops.bench.suite.{name}").measure(run)
        return figures

    return Section(name, title, measure, targets)


_ALL = (
    _section("overhead", "Worker CPU for a minute of video over a bare loop of the same functions", total="<= 1.10"),
    _section("peers", "Media seconds for a CPU second", vpdq_ratio_60s=">= 8", vpdq_ratio_10s=">= 3"),
    _section("cases", "Cost of a post by references", ratio_100k="<= 1.3", bytes_per_minute="<= 40000"),
    _section(
        "retro",
        "A new case against archived hours",
        seconds_10000h="<= 3",
        recall=">= 0.99",
        bytes_per_minute="<= 8000",
    ),
    _section("latency", "From post to takedown, by share of the capacity, per cent", p99_over_decode_s="<= 1.0"),
    _section("scale", "Posts a second of one and of two workers a stage"),
    _section("backlog", "A backlog of descriptors drained, and memory meanwhile, by per cent of it"),
    _section("gpu", "Media seconds a second, models on a GPU over all CPUs of the machine", ratio=">= 5"),
)
SECTIONS = {section.name: section for section in _ALL}
