"""Imports go one way, schemas <- models <- streams, and every arrow of the flow is named the same everywhere."""

import ast
import re
from pathlib import Path

import pytest

from schemas.topics import TOPICS

ROOT = Path(__file__).parents[2]
LAYERS = ["schemas", "models", "streams"]
"""Each may import itself and those before it."""
NETWORK = {
    "aiokafka", "confluent_kafka", "faust", "httpx", "requests", "urllib3", "socket", "aiohttp", "obstore", "http",
    "ssl", "ftplib", "urllib.request",
}  # fmt: skip
STAGES = ["decode", "visual", "audio", "text", "match", "fusion", "takedown"]
ARROW = re.compile(r"^(?P<reads>[a-z, -]+?) -> (?P<writes>[a-z, -]+): \S")


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(source: str) -> set[str]:
    """Return the dotted names of all modules that this source imports, also within functions."""
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


@pytest.mark.parametrize("layer", LAYERS)
def test_no_module_imports_against_the_flow(layer: str) -> None:
    wrong = {
        str(path.relative_to(ROOT)): sorted(bad)
        for path in modules(layer)
        if (bad := tops(path.read_text()) & forbidden(layer))
    }
    assert wrong == {}


def test_models_import_no_kafka_and_no_network() -> None:
    wrong = {
        str(path.relative_to(ROOT)): sorted(bad)
        for path in modules("models")
        if (bad := imports(path.read_text()) & NETWORK | tops(path.read_text()) & NETWORK)
    }
    assert wrong == {}


def test_an_import_against_the_flow_is_noticed_wherever_it_stands() -> None:
    for source in (
        "import streams.engine.app",
        "from streams import app",
        "def f():\n    from streams.engine.app import create_app",
    ):
        assert tops(source) & forbidden("models")
    assert imports("from urllib import request") & NETWORK


def arrow_of(stage: str) -> tuple[set[str], set[str]]:
    """Return the topics a stage's first line says it reads and writes."""
    docstring = ast.get_docstring(ast.parse((ROOT / "streams" / f"{stage}.py").read_text())) or ""
    arrow = ARROW.match(docstring.splitlines()[0] if docstring else "")
    assert arrow, f"streams/{stage}.py must start with `a, b -> c, d: what it does`"
    return set(arrow["reads"].split(", ")), set(arrow["writes"].split(", "))


@pytest.mark.parametrize("stage", [*STAGES, "screen"])
def test_a_stage_reads_and_writes_what_its_first_line_says(stage: str) -> None:
    topics = [topic for topic in TOPICS.values() if not topic.internal]
    reads = {topic.name for topic in topics if stage in topic.consumers}
    writes = {topic.name for topic in topics if stage in topic.producers} - {"dead-letters"}
    assert arrow_of(stage) == (reads, writes)


def flow_picture() -> str:
    """Return the README's picture of the flow: the first block of code with arrows in it."""
    blocks: list[str] = re.findall(r"^```[a-z]*\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    return next(block for block in blocks if "▶" in block or "->" in block)


def test_the_flow_picture_names_every_topic_and_stage() -> None:
    words = set(re.findall(r"[a-z][a-z-]*[a-z]", flow_picture()))
    topics = {topic.name for topic in TOPICS.values() if not topic.internal}
    assert topics | set(STAGES) <= words
