"""Catalogues: complete in every language, and English with a warning where one is missing."""

from collections.abc import Iterator
from datetime import date

import pytest
from structlog.testing import capture_logs

from streams.delivery.notices import catalogue as module
from streams.delivery.notices.catalogue import catalogue, languages, placeholders, read_catalogue
from tests.unit.delivery.notices.made_notices import notice

ENGLISH = read_catalogue("en").sentences
each_language = pytest.mark.parametrize("language", languages())


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    catalogue.cache_clear()
    module._reported.cache_clear()
    yield
    catalogue.cache_clear()


def test_there_are_seven_languages() -> None:
    assert languages() == ["de", "en", "es", "fr", "ja", "ko", "vi"]


@each_language
def test_a_language_has_every_sentence_with_its_placeholders(language: str) -> None:
    sentences = read_catalogue(language).sentences
    assert sentences.keys() == ENGLISH.keys()
    assert {key: placeholders(sentence) for key, sentence in sentences.items()} == {
        key: placeholders(sentence) for key, sentence in ENGLISH.items()
    }
    assert all(sentence.strip() == sentence and sentence and "\n" not in sentence for sentence in sentences.values())


@each_language
def test_a_file_names_its_own_language_and_has_fields_for_its_review(language: str) -> None:
    text = module.TEMPLATES.joinpath(f"{language}.yaml").read_text("utf-8")
    assert read_catalogue(language).language == language
    assert "\nreviewer: " in text
    assert "\nreviewed: " in text


@each_language
def test_no_sentence_is_left_in_english(language: str) -> None:
    """Names of foreign laws and their provisions are the same in all languages; sentences are not."""
    same = {key for key, sentence in read_catalogue(language).sentences.items() if sentence == ENGLISH[key]}
    whole = {
        key for key in same if key.split(".")[0] in {"reasons", "good_faith", "accuracy", "request", "found", "foot"}
    }
    assert language == "en" or whole == set()


@pytest.mark.parametrize(("asked", "used"), [("ko", "ko"), ("ko-KR", "ko"), ("DE_at", "de"), ("en-GB", "en")])
def test_a_regional_tag_finds_its_language(asked: str, used: str) -> None:
    with capture_logs() as logs:
        assert catalogue(asked).language == used
    assert not [line for line in logs if "instead" in line["event"]]


@pytest.mark.parametrize("language", ["th", "", "../en", "zh-Hant"])
def test_a_missing_language_falls_back_to_english_with_a_warning(language: str) -> None:
    with capture_logs() as logs:
        assert notice(language=language).language == "en"
    (line,) = (line for line in logs if "instead" in line["event"])
    assert (line["log_level"], line["language"]) == ("warning", language)


@pytest.mark.parametrize("change", [{"reasons.synthetic": None}, {"signature.text": "Unterzeichnet von {name}"}])
def test_an_incomplete_language_falls_back_as_a_whole(
    change: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(language: str) -> module.Catalogue:
        whole = read_catalogue(language)
        sentences = {key: text for key, text in {**whole.sentences, **change}.items() if text is not None}
        return whole._replace(sentences=sentences) if language == "de" else whole

    monkeypatch.setattr(module, "read_catalogue", read)
    with capture_logs() as logs:
        assert notice(language="de").language == "en"
    assert next(iter(change)) in next(line["reason"] for line in logs if "instead" in line["event"])


def test_texts_without_a_review_are_logged_once() -> None:
    with capture_logs() as logs:
        notice(language="fr")
        notice(language="fr")
    assert [line["file"] for line in logs if "reviewed" in line["event"]] == ["templates/fr.yaml"]


def test_a_review_needs_a_name_and_a_date() -> None:
    found = read_catalogue("en")._replace(reviewer="", reviewed=None)
    assert not found.is_reviewed
    assert not found._replace(reviewer="N. N.").is_reviewed
    assert found._replace(reviewer="N. N.", reviewed=date(2026, 11, 26)).is_reviewed
