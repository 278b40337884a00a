"""Imports go one way, between packages and between rooms, and all descriptions of the flow's arrows agree."""

import ast
import re
from pathlib import Path

import pytest

from schemas.topics import TOPICS
from streams.topology import MODULES

ROOT = Path(__file__).parents[2]
LAYERS = ["schemas", "models", "streams"]
"""Each may import itself and those before it."""
NETWORK = {
    "aiokafka", "confluent_kafka", "faust", "httpx", "requests", "urllib3", "socket", "aiohttp", "obstore", "http",
    "ssl", "ftplib", "urllib.request",
}  # fmt: skip
ROOMS = [
    "errors", "secrets", "settings", "topology", "rights",
    "links", "telemetry", "kafka", "audit", "sealing", "cases", "live_models", "engine", "reuse",
    "feeds", "decode", "describe", "exchange", "match", "fusion", "takedown", "delivery",
    "monitor", "evaluation", "replay", "desk", "console",
    "doctor", "demo", "commands", "cli",
]  # fmt: skip
"""The rooms of streams: each may import itself and those before it. Steps are in the order of the flow."""
FLAT = {"__init__", "cli", "settings", "errors", "topology"}
"""Modules in streams itself; all others belong to a room."""
STAGES = ["decode", "visual", "audio", "text", "match", "fusion", "takedown", "delivery"]
ARROW = re.compile(r"^(?P<reads>[a-z, -]+?) -> (?P<writes>[a-z, -]+): \S")


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(source: str) -> set[str]:
    """Return the dotted names of all modules that this source imports, including imports within functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def tops(source: str) -> set[str]:
    return {name.partition(".")[0] for name in imports(source)}


def forbidden(layer: str) -> set[str]:
    return set(LAYERS[LAYERS.index(layer) + 1 :]) | {"tests", "ops"}


def importing(package: str, names: set[str]) -> dict[str, set[str]]:
    """Return which of these names, top packages or dotted ones, the modules of a package import."""
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in modules(package)}
    found = {path: (imports(source) | tops(source)) & names for path, source in sources.items()}
    return {path: imported for path, imported in found.items() if imported}


@pytest.mark.parametrize("layer", LAYERS)
def test_no_module_imports_against_the_flow(layer: str) -> None:
    assert importing(layer, forbidden(layer)) == {}


def test_models_import_no_kafka_and_no_network() -> None:
    assert importing("models", NETWORK) == {}


def test_an_import_against_the_flow_is_found_in_every_form() -> None:
    within = "def f():\n    from streams.engine.app import create_app"
    for source in ("import streams.engine.app", "from streams import app", within):
        assert tops(source) & forbidden("models")
    assert imports("from urllib import request") & NETWORK


def room_of(module: str) -> str:
    """Return the room of a dotted module; a room's settings module counts as settings."""
    parts = module.split(".")
    return "settings" if "settings" in parts else parts[1] if len(parts) > 1 else ""


def test_a_room_imports_only_rooms_below_it() -> None:
    wrong = {}
    for path in modules("streams"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        ours = {one for one in imports(path.read_text()) if room_of(one) in ROOMS and one.startswith("streams.")}
        above = {one for one in ours if ROOMS.index(room_of(one)) > ROOMS.index(room_of(name) or "errors")}
        if above:
            wrong[name] = sorted(above)
    assert wrong == {}


def test_every_room_is_in_the_list_and_every_module_in_a_room() -> None:
    streams = ROOT / "streams"
    rooms = {path.name for path in streams.iterdir() if (path / "__init__.py").exists()}
    flat = {path.stem for path in streams.glob("*.py")}
    assert flat == FLAT
    assert rooms | flat == {*ROOMS, "__init__"}


AGENT = re.compile(r'^    @context\.stage\("(?P<stage>[a-z]+)", reads="(?P<reads>[a-z-]+)"\)', re.MULTILINE)


def agents() -> dict[Path, list[tuple[str, str]]]:
    """Return the agents of each module of streams that has any, as stage and topic."""
    found = {path: AGENT.findall(path.read_text()) for path in modules("streams")}
    return {path: pairs for path, pairs in found.items() if pairs}


def arrow_of(path: Path) -> tuple[set[str], set[str]]:
    """Return the topics left and right of the arrow in a module's first line."""
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    arrow = ARROW.match(docstring.splitlines()[0] if docstring else "")
    assert arrow, f"{path} must start with `a, b -> c, d: purpose`"
    return set(arrow["reads"].split(", ")), set(arrow["writes"].split(", "))


def test_every_agent_has_a_module_of_its_own_that_starts_with_its_arrow() -> None:
    for path, pairs in agents().items():
        ((_, topic),) = pairs
        assert topic in arrow_of(path)[0], path


@pytest.mark.parametrize("stage", [*STAGES, "screen"])
def test_a_stage_reads_and_writes_the_topics_of_its_arrows(stage: str) -> None:
    topics = [topic for topic in TOPICS.values() if not topic.internal]
    reads = {topic.name for topic in topics if stage in topic.consumers}
    writes = {topic.name for topic in topics if stage in topic.producers} - {"dead-letters"}
    arrows = [arrow_of(path) for path, pairs in agents().items() if pairs[0][0] == stage]
    assert set().union(*(read for read, _ in arrows)) == reads
    assert set().union(*(written for _, written in arrows)) == writes


def test_every_stage_starts_in_a_module_of_its_own_room() -> None:
    assert list(MODULES) == [*STAGES[:3], "screen", *STAGES[3:]]
    for stage, module in MODULES.items():
        room = Path(*module.split(".")[:2])
        assert any(pairs[0][0] == stage and path.is_relative_to(ROOT / room) for path, pairs in agents().items()), stage


def flow_picture() -> str:
    """Return the flow picture of the README: its first code block with arrows."""
    blocks: list[str] = re.findall(r"^```[a-z]*\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    return next(block for block in blocks if "▶" in block or "->" in block)


def test_the_flow_picture_names_every_topic_and_stage() -> None:
    words = set(re.findall(r"[a-z][a-z-]*[a-z]", flow_picture()))
    topics = {topic.name for topic in TOPICS.values() if not topic.internal}
    assert topics | set(STAGES) <= words


def test_the_walk_through_the_code_enters_every_step_once_in_the_order_of_the_flow() -> None:
    page = (ROOT / "ops" / "docs" / "walk.md").read_text()
    files = re.findall(r"^\d+\. \[`(streams/[^`]+)`\]\(\.\./\.\./\1\)", page, re.MULTILINE)
    assert all((ROOT / file).is_file() for file in files)
    assert len(files) == len(set(files)) <= 25
    places = [ROOMS.index(file.split("/")[1]) for file in files]
    assert places == sorted(places)
    assert {ROOMS[place] for place in places} == {
        "feeds",
        "decode",
        "describe",
        "match",
        "fusion",
        "takedown",
        "delivery",
    }


def test_contributors_find_every_room_in_the_order_of_the_imports() -> None:
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "CONTRIBUTING.md").read_text().partition("| room |")[2], re.MULTILINE)
    assert table == [room for room in ROOMS if room not in FLAT]


def test_the_map_of_the_readme_links_every_room() -> None:
    linked = set(re.findall(r"\(streams/(\w+)\)", (ROOT / "README.md").read_text()))
    assert linked == set(ROOMS) - FLAT
