"""Language tags: one form everywhere, and how a browser's wishes meet what there is."""

import pytest

from publisher.lib.languages import accepted, is_language_tag, looked_up, negotiated, normalised, primary


@pytest.mark.parametrize(
    "tag",
    [
        "en",
        "EN-gb",
        "pt-BR",
        "zh-Hant-TW",
        "zh-yue-HK",
        "es-419",
        "sl-rozaj-biske",
        "de-CH-1901",
        "en-a-bbb-x-a-ccc",
        "de-u-co-phonebk",
        "ar-Latn",
        "x-ours",
        "i-klingon",
        "sgn-BE-FR",
        "art-lojban",
    ],
)
def test_well_formed_tags(tag):
    assert is_language_tag(tag)


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "e",
        "english language",
        "en_GB",
        "en-",
        "-en",
        "en--GB",
        "en-GB\n",
        "en-x",
        "en-a",
        "de-1901-1901",
        "en-a-bb-a-cc",
        "abcdefghi",
        "en-GB-US",
        'en" onload="x',
        "en-x-" + "-".join(["abcdefgh"] * 20),
        "ｅｎ",
    ],
)
def test_what_is_no_tag(tag):
    assert not is_language_tag(tag)
    assert normalised(tag) == ("en-GB" if tag.strip() in ("en_GB", "en-GB") else "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("en_gb", "en-GB"),
        ("ZH-hant-tw", "zh-Hant-TW"),
        ("iw", "he"),
        ("iw-IL", "he-IL"),
        ("in", "id"),
        ("es-419", "es-419"),
        ("sl-ROZAJ", "sl-rozaj"),
        ("de-CH-1901", "de-CH-1901"),
    ],
)
def test_normalised(text, expected):
    assert normalised(text) == expected


def test_the_language_alone():
    assert [primary(tag) for tag in ("pt-BR", "IW", "no tag", "")] == ["pt", "he", "", ""]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("en-GB", "en"), ("pt-br", "pt-BR"), ("pt-PT", ""), ("iw-IL", "he"), ("zh-Hant-TW", "zh-Hant"), ("", "")],
)
def test_a_tag_is_cut_from_its_end_until_there_is_one(tag, expected):
    assert looked_up(tag, ["en", "pt-BR", "he", "zh-Hant"]) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("it", ["it"]),
        ("en;q=0.5, it;q=0.9, de", ["de", "it", "en"]),
        ("en;q=0, it", ["it"]),
        ("*, fr;q=0.1", ["fr"]),
        ("fr;q=1.5, de;level=1", []),
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", ["fr-CH", "fr", "en", "de"]),
        ("", []),
        ("," * 5000, []),
    ],
)
def test_what_a_browser_accepts(header, expected):
    assert accepted(header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [("it-IT,en;q=0.8", "it"), ("pl, de;q=0.3", "de"), ("pl", "en"), ("", "en"), ("ar;q=0.1,de;q=0", "ar")],
)
def test_negotiation(header, expected):
    assert negotiated(header, ["en", "it", "de", "ar"], "en") == expected
