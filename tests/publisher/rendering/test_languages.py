"""The frame of a language: which one is taken, and its dates and lists."""

from datetime import date

import pytest

from publisher.rendering.languages import speech_for


@pytest.mark.parametrize(
    ("language", "publication", "expected"),
    [
        ("en-GB", "it", "en-GB"),
        ("pt-BR", "it", "it"),
        ("en", "en-GB", "en-GB"),
        ("en-US", "en-GB", "en-US"),
        ("", "de", "de"),
        ("xx", "yy", "en"),
        ("ar-EG", "en", "ar-EG"),
        ("en-ZZ", "en", "en"),
        ("de_AT", "en", "de-AT"),
    ],
)
def test_a_language_falls_back_to_the_publications_and_then_to_english(language, publication, expected):
    assert speech_for(language, publication).language == expected


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en-GB", "3 November 2026"),
        ("it", "3 novembre 2026"),
        ("de", "3. November 2026"),
        ("es", "3 de noviembre de 2026"),
        ("fr", "3 novembre 2026"),
        ("ar", "3 نوفمبر 2026"),
    ],
)
def test_dates_are_written_as_the_language_writes_them(language, written):
    assert speech_for(language).date(date(2026, 11, 3)) == written


def test_names_are_listed_as_the_language_lists_them():
    assert speech_for("en-GB").listed(["A", "B", "C"]) == "A, B and C"
    assert speech_for("it").listed(["A", "B"]) == "A e B"
    assert speech_for("en").listed(["{0}", "{1}"]) == "{0} and {1}"
    assert speech_for("en").listed([]) == ""
