"""Each golden edition becomes, byte for byte, what was found right; run with UPDATE_GOLDEN=1 to look again."""

import os
import re
from email import message_from_bytes, policy
from functools import cache

import pytest

from tests.golden_editions import FOLDER, TOKEN, Golden, golden_editions

GOLDEN = golden_editions()


@cache
def message(golden_id: str) -> bytes:
    golden = next(golden for golden in GOLDEN if str(golden) == golden_id)
    return golden.compose().compiled.message(golden.recipient)


def parts(golden: Golden) -> dict[str, str]:
    parsed = message_from_bytes(message(str(golden)), policy=policy.default)
    text, html = (part.get_payload(decode=True).decode().replace("\r\n", "\n") for part in parsed.iter_parts())
    head = message(str(golden)).partition(b"\r\n\r\n")[0].decode("ascii").replace("\r\n", "\n")
    return {"html": html, "txt": text, "headers": head + "\n"}


def test_there_is_a_short_a_full_a_right_to_left_and_a_hostile_one():
    assert {golden.name for golden in GOLDEN} == {"short", "full", "rtl", "hostile"}
    assert {golden.template for golden in GOLDEN} == {"letter", "magazine", "headlines"}


@pytest.mark.parametrize("golden", GOLDEN, ids=str)
@pytest.mark.parametrize("part", ["html", "txt", "headers"])
def test_a_golden_edition_becomes_what_was_found_right(golden, part):
    path = FOLDER / f"{golden}.{part}"
    made = parts(golden)[part]
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8"), f"look at the change, then UPDATE_GOLDEN=1 rewrites {path.name}"


@pytest.mark.parametrize("golden", GOLDEN, ids=str)
def test_every_golden_edition_keeps_the_rules_of_mail_html(golden):
    html = parts(golden)["html"]
    assert len(html.encode()) < 100_000
    assert html.startswith("<!DOCTYPE html>")
    assert html.count("<!--[if") == html.count("<![endif]-->")
    assert all(re.search(r'\swidth="\d+"', tag) for tag in re.findall(r"<img\b[^>]*>", html))
    assert all(re.search(r"\salt=", tag) for tag in re.findall(r"<img\b[^>]*>", html))
    assert all('role="presentation"' in tag for tag in re.findall(r"<table\b[^>]*>", html) if "cellpadding" in tag)
    assert all(len(style) <= 8192 for style in re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL))
    assert '<meta name="color-scheme" content="light dark">' in html
    assert '<meta name="supported-color-schemes" content="light dark">' in html
    assert "!important" in html.split("prefers-color-scheme")[1]
    assert re.search(r'<div class="preheader"[^>]*>[^<]+', html)
    assert html.count(f"/u/{TOKEN}") == 1
    assert "var(" not in html


@pytest.mark.parametrize("golden", GOLDEN, ids=str)
def test_every_golden_text_part_is_real_and_at_most_72_columns_wide(golden):
    text = parts(golden)["txt"]
    assert f"/u/{TOKEN}" in text
    for article in golden.edition.articles:
        assert article.url in text
    wide = [line for line in text.splitlines() if len(line) > 72 and "://" not in line and " " in line.strip()]
    assert [line for line in wide if not line.startswith("    ")] == []  # preformatted lines stay as they are


@pytest.mark.parametrize("golden", [golden for golden in GOLDEN if golden.name == "hostile"], ids=str)
def test_nothing_of_the_hostile_edition_comes_alive(golden):
    made = parts(golden)
    html = made["html"]
    assert re.search(r"<(?:script|iframe|form|input|svg|video|base|link|object)\b", html, re.IGNORECASE) is None
    assert html.count("<meta") == 6
    assert "javascript:" not in html.replace("&#9;", "").lower()
    assert not re.search(r"<[^>]*\son\w+\s*=\s*\"", re.sub(r'"[^"]*"', '""', html))
    assert "{{ 7*7 }}" in html
    assert "{{ 7*7 }}" in made["txt"]
    assert "only Outlook" not in html
    assert html.rstrip().endswith("</html>")
    assert html.index('class="foot"') > html.index("after the end")
    names = [line.partition(":")[0] for line in made["headers"].splitlines() if not line.startswith(" ")]
    assert "Bcc" not in names
    assert len(names) == len(set(names))
    assert "slow.example" in made["headers"].split("From:")[1].splitlines()[0] + made["headers"].splitlines()[1]
