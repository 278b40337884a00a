from pathlib import Path

from streams.evaluation.words import measure_words


def test_every_name_is_found_in_eleven_languages_and_no_other() -> None:
    figures = measure_words(None, 1)
    assert {one.language: one.missed for one in figures if one.missed} == {}
    assert [one.language for one in figures if one.found_wrongly] == []
    assert len(figures) == 11


def test_an_innocent_text_that_names_somebody_is_a_false_review(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    page = (
        "<head>x</head><p>A common rose in the garden &amp; more</p><p>About Jane Roe, an ordinary post</p><p>short</p>"
    )
    (tmp_path / "en" / "page.html").write_text(page)
    english, *_ = measure_words(tmp_path, 10)
    assert (english.posts, english.reviews) == (2, 1)
    assert english.reviews_per_100_000 == 100_000 / (2 * english.terms)
