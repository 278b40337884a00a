from html.parser import HTMLParser

import msgspec

from streams.replay.comparison import CompareRequest, Comparison, compare
from streams.replay.decision import DEFAULT, read_thresholds
from streams.replay.report import page
from tests.unit.made_messages import NOW, post_ref
from tests.unit.replay.made_runs import LIKELY, SURE, clear, decided, evidence, label, of, run

VOID = {"meta", "br", "hr"}


class Reader(HTMLParser):
    """Collects the elements that a browser would load or run, and those that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "onload"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def comparison(before_url: str = "https://a.example/1") -> Comparison:
    post = msgspec.structs.replace(post_ref("p1"), url=before_url)
    before = of("live", decided("p1", evidence("visual", SURE), post=post), decided("p2", evidence("audio", SURE)))
    after = of("try-1", decided("p1", evidence("visual", LIKELY), post=post), decided("p2", evidence("audio", 0.5)))
    request = CompareRequest(run(), None, before, after, [label("p1", "copy")])
    return compare(request, read_thresholds(DEFAULT), NOW)


def test_the_page_is_complete_and_loads_and_runs_nothing() -> None:
    reader = Reader()
    reader.feed(page(comparison()))
    assert reader.open == []
    assert not reader.tags & {"script", "img", "image", "link", "iframe", "object"}
    assert [address for address in reader.addresses if not address.startswith("#")] == []


def test_the_page_has_the_decision_and_its_reasons() -> None:
    text = page(comparison())
    assert '<span class="no-go">no-go</span>' in text
    assert "act -&gt; review" in text
    assert "visual: lower score" in text
    assert "0 of 1" in text
    assert "replay the same window without --with" in text


def test_texts_of_records_are_escaped() -> None:
    text = page(comparison("https://a.example/<script>alert(1)</script>&\"'"))
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;" in text


def test_the_same_comparison_gives_the_same_bytes() -> None:
    assert page(comparison()) == page(comparison())


def test_a_comparison_without_cases_has_a_page_without_plots() -> None:
    request = CompareRequest(run(), None, of("live"), of("try-1", clear("p1")), None)
    reader = Reader()
    reader.feed(page(compare(request, read_thresholds(DEFAULT), NOW)))
    assert reader.open == []
    assert "svg" not in reader.tags


def test_many_posts_make_a_page_of_bounded_size() -> None:
    verdicts = [decided(f"p{n}", evidence("visual", (n * 7919 % 10_000) / 10_000)) for n in range(10_000)]
    other = [decided(f"p{n}", evidence("visual", (n * 104_729 % 10_000) / 10_000)) for n in range(10_000)]
    request = CompareRequest(run(), None, of("live", *verdicts), of("try-1", *other), None)
    text = page(compare(request, read_thresholds(DEFAULT), NOW))
    assert len(text) < 3_000_000
    assert "more, all of them in the JSON file" in text
