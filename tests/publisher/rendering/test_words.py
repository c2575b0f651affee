"""Words are files, one a language: what every file must hold, and that a file is all it takes."""

import os
import re

import pytest
from babel import Locale

from publisher.errors import RenderError
from publisher.rendering.languages import speech_for
from publisher.rendering.templates import packaged_templates
from publisher.rendering.words import languages, read_words, words_of

FILES = sorted((packaged_templates() / "words").glob("*.toml"))
ENGLISH = read_words(packaged_templates() / "words" / "en.toml")


def places(text):
    return sorted(re.findall(r"\{\w+\}", text))


def write(site, name, text):
    folder = site / "templates" / "words"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")


def test_six_languages_are_there_by_their_own_names():
    assert languages() == {
        "en": "English", "ar": "العربية", "de": "Deutsch", "es": "Español", "fr": "Français", "it": "Italiano",
    }  # fmt: skip


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_has_every_key_with_the_same_places(file):
    found = read_words(file)
    assert found.keys() == ENGLISH.keys()
    for key, phrase in found.items():
        expected = places(ENGLISH[key].forms["other"])
        for category, text in phrase.forms.items():
            assert text.strip() == text != "", key
            # "one article", "two articles" need not show the figure
            shown = expected if category not in ("zero", "one", "two") else [p for p in expected if p != "{count}"]
            assert [p for p in places(text) if p in shown or p != "{count}"] == shown, (key, category)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_phrase_with_a_count_has_exactly_the_forms_of_its_language(file):
    categories = {*Locale(file.stem).plural_form.tags, "other"}
    for key, phrase in read_words(file).items():
        expected = categories if len(ENGLISH[key].forms) > 1 else {"other"}
        assert phrase.forms.keys() == expected, key


@pytest.mark.parametrize(
    ("language", "count", "said"),
    [
        ("en", 1, "1 article"),
        ("en", 1234, "1,234 articles"),
        ("it", 1000000, "1.000.000 di articoli"),
        ("fr", 0, "0 article"),
        ("ar", 0, "لا مقالات"),
        ("ar", 1, "مقال واحد"),
        ("ar", 2, "مقالان"),
        ("ar", 3, "3 مقالات"),
        ("ar", 11, "11 مقالًا"),
        ("ar", 100, "100 مقال"),
    ],
)
def test_a_count_is_said_as_the_language_says_it(language, count, said):
    assert speech_for(language).say("list.count", count) == said


def test_a_languages_file_in_a_site_is_all_that_it_takes(tmp_path):
    write(tmp_path, "xx", 'autonym = "Xish"\n[digest]\nunsubscribe = "Xoff"\n')
    write(tmp_path, "sr-Latn", '[digest]\nunsubscribe = "Odjava"\n')
    assert languages(tmp_path) == {**languages(), "sr-Latn": "srpski (latinica)", "xx": "Xish"}
    assert languages(tmp_path)["xx"] == "Xish"
    speech = speech_for("xx", "de", tmp_path)
    assert (speech.language, speech.words["unsubscribe"]) == ("xx", "Xoff")
    assert speech_for("sr-Latn-RS", "de", tmp_path).words["unsubscribe"] == "Odjava"
    assert speech_for("xx", "de").language == "de"


def test_what_a_file_lacks_is_english_with_the_plurals_of_english(tmp_path):
    write(tmp_path, "ru", '[digest]\nshare = "Поделиться"\n')
    speech = speech_for("ru", "en", tmp_path)
    assert speech.words["share"] == "Поделиться"
    assert speech.words["read_more"] == "Continue on the web"
    assert speech.say("list.count", 21) == "21 articles"


def test_a_site_replaces_one_word_and_keeps_the_others(tmp_path):
    write(tmp_path, "it", '[digest]\nshare = "Passa parola"\n')
    speech = speech_for("it", "en", tmp_path)
    assert (speech.words["share"], speech.words["listen"]) == ("Passa parola", "Ascolta")
    assert speech_for("it").words["share"] == "Condividi"


def test_a_changed_file_is_read_again(tmp_path):
    write(tmp_path, "xx", 'autonym = "One"\n')
    assert languages(tmp_path)["xx"] == "One"
    write(tmp_path, "xx", 'autonym = "Another"\n')
    file = tmp_path / "templates" / "words" / "xx.toml"

    os.utime(file, ns=(1, 1))
    assert languages(tmp_path)["xx"] == "Another"


@pytest.mark.parametrize("text", ["[digest", "[digest]\nshare = 3\n", "\xff\xfe".encode("latin-1")])
def test_a_file_that_cannot_be_used_is_named(tmp_path, text):
    write(tmp_path, "xx", "")
    file = tmp_path / "templates" / "words" / "xx.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RenderError, match=r"xx\.toml"):
        words_of("xx", tmp_path)


def test_a_place_is_filled_once_and_what_is_not_given_stays():
    speech = speech_for("en")
    assert (
        speech.say("confirm.lead", title="{address}", address="a@b.example") == "{address} will be sent to a@b.example."
    )
    assert speech.say("confirm.lead", title="T") == "T will be sent to {address}."
    with pytest.raises(RenderError, match=r"confirm\.nothing"):
        speech.say("confirm.nothing")
