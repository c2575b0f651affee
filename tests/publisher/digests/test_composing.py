"""An edition composed once becomes any number of right messages."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape, unescape

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from publisher.digests.composing import CompiledEdition, compose
from publisher.errors import CompositionRefused, DeliveryError, RenderError, SettingsError
from publisher.lib.text import one_line
from tests.publisher.digests import digest_example as example


@pytest.fixture(scope="module")
def composition():
    return compose(example.edition(), example.settings(), nonce=example.NONCE)


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def parts(raw: bytes) -> tuple[str, str]:
    text, html = parsed(raw).iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return tuple(part.get_payload(decode=True).decode("utf-8").replace("\r\n", "\n") for part in (text, html))


def test_a_message_is_multipart_alternative_with_text_first(composition):
    message = parsed(composition.compiled.message(example.recipient()))
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert {part.get_content_charset() for part in message.iter_parts()} == {"utf-8"}


def test_the_headers_are_the_bulk_senders_rules(composition):
    mailto = "mailto:u@bounce.example"
    message = parsed(composition.compiled.message(example.recipient(unsubscribe_mailto=mailto)))
    assert len(set(message.keys())) == len(message.keys())
    assert message["List-Id"] == "The Slow Post <digest.slow.example>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    links = re.findall(r"<([^>]*)>", message["List-Unsubscribe"])
    assert [link.split(":")[0] for link in links] == ["https", "mailto"]
    assert message["Precedence"] == "list"
    assert re.fullmatch(r"12:digest:digest:[A-Za-z0-9]{5,15}", message["Feedback-ID"])
    assert message["Date"] == "Mon, 23 Nov 2026 09:00:00 +0000"
    assert "ada" not in message["Message-ID"]


def test_what_is_not_offered_is_not_advertised(composition):
    """No address that nobody reads (RFC 2369), and one click only over https (RFC 8058 section 3.1)."""
    message = parsed(composition.compiled.message(example.recipient()))
    assert "mailto:" not in message["List-Unsubscribe"]
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    plain = example.recipient(unsubscribe_url=f"http://slow.example/u/{example.TOKEN}")
    message = parsed(composition.compiled.message(plain))
    assert message["List-Unsubscribe"] == f"<http://slow.example/u/{example.TOKEN}>"
    assert "List-Unsubscribe-Post" not in message


def test_a_message_sent_again_after_a_restart_is_the_same_bytes(composition):
    again = CompiledEdition.from_bytes(composition.compiled.to_bytes())
    assert vars(again) == vars(composition.compiled)
    assert again.message(example.recipient()) == composition.compiled.message(example.recipient())


def test_an_edition_stored_by_another_version_or_damaged_is_not_sent(composition):
    stored = composition.compiled.to_bytes()
    for damaged in (b"", b"MHCE\x02" + stored[5:], stored[:-20], stored[:5] + b"x" * 40):
        with pytest.raises(DeliveryError, match="compose the edition again"):
            CompiledEdition.from_bytes(damaged)


def test_every_line_is_short_seven_bit_and_ends_in_crlf(composition):
    raw = composition.compiled.message(example.recipient(name="Ådå " * 20, topics=("Politik",) * 30))
    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", raw) is None
    assert max(map(len, raw.split(b"\r\n"))) <= 78


names = st.text(max_size=120) | st.sampled_from(
    [
        "</td><script>alert(1)</script>",
        '" onload="x',
        "{{ 7*7 }}",
        "zq0123456789abcdef03",
        "=?utf-8?q?=0ABcc:_e?=",
        "&amp;",
    ]
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(name=names, topics=st.lists(names, max_size=10))
def test_personal_values_stand_in_both_parts_escaped_and_change_nothing_else(composition, name, topics):
    person = example.recipient(name=name, topics=tuple(topics))
    plain = example.recipient(name="Q", topics=("Q",))
    text, html = parts(composition.compiled.message(person))
    text_plain, html_plain = parts(composition.compiled.message(plain))
    greeting = composition.compiled.phrases.greeting(one_line(name))
    if len(one_line(name)) <= 80:
        assert greeting in unescape(html)
        assert escape(greeting) in html
    assert html.count("<") == html_plain.count("<")
    assert html.count('"') == html_plain.count('"')
    assert text.count("https://slow.example/u/") == text_plain.count("https://slow.example/u/") == 1
    assert "Bcc" not in parsed(composition.compiled.message(person))


def test_the_text_part_has_the_unsubscribe_link_and_72_columns(composition):
    text, _ = parts(composition.compiled.message(example.recipient(topics=tuple(f"Topic {n}" for n in range(20)))))
    assert f"https://slow.example/u/{example.TOKEN}" in text
    assert all(len(line) <= 72 for line in text.splitlines() if "://" not in line)


def test_no_sentinel_is_left_in_a_message(composition):
    raw = composition.compiled.message(example.recipient())
    assert example.NONCE not in raw.replace(f"=_{example.NONCE}".encode(), b"").decode()
    assert all("zq" not in part for part in parts(raw))


def test_article_text_is_only_ever_a_value():
    article = example.article(
        1, title="{{ 7*7 }} {% raw %}", html="<p>{{ 7*7 }} {% for %} {# x #}</p>", summary="{{ 1 }}"
    )
    made = compose(example.edition(article), example.settings())
    text, html = parts(made.compiled.message(example.recipient()))
    for part in (text, html):
        assert "{{ 7*7 }}" in part
        assert "{% for %} {# x #}" in part
        assert "49" not in part.replace("https", "")


def test_two_editions_never_share_their_sentinels():
    first = compose(example.edition(), example.settings())
    second = compose(example.edition(), example.settings())
    assert first.compiled.boundary != second.compiled.boundary
    assert first.compiled.message(example.recipient()) != second.compiled.message(example.recipient())


def test_an_article_that_holds_the_editions_mark_is_refused():
    article = example.article(1, html=f"<p>zq{example.NONCE}03</p>")
    with pytest.raises(CompositionRefused, match="secret mark"):
        compose(example.edition(article), example.settings(), nonce=example.NONCE)


@pytest.mark.parametrize("language", ["en", "it", "de", "es", "fr", "ar"])
def test_the_frame_speaks_the_subscribers_language(language):
    made = compose(example.edition(), example.settings(), language=language)
    text, html = parts(made.compiled.message(example.recipient(topics=("A", "B"))))
    words = {"en": "Unsubscribe", "it": "Annulla", "de": "Abbestellen", "es": "baja", "fr": "désabonner", "ar": "إلغاء"}
    assert words[language] in text
    assert words[language] in html
    assert f'lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in html
    assert ("23 November" in text or "November 23" in text) == (language in ("en",)) or language == "de"


def test_an_edition_too_long_for_one_mail_shows_its_last_articles_as_headlines_and_says_so():
    long = [example.article(n, html="<p>Word by word it grows.</p>" * 400) for n in range(12)]
    made = compose(example.edition(*long), example.settings())
    _, html = parts(made.compiled.message(example.recipient()))
    assert len(html.encode()) < 100_000
    assert made.report.shortened
    assert set(made.report.shortened) == {a.title for a in long[-len(made.report.shortened) :]}
    assert "headline only" in made.report.message
    assert all(a.title in html for a in long)
    assert "Continue on the web" in html
    assert f"https://slow.example/u/{example.TOKEN}" in html


def test_one_huge_article_does_not_push_the_others_out():
    huge = example.article(0, html="<p>Word by word it grows.</p>" * 9000)
    made = compose(example.edition(huge, *(example.article(n) for n in range(1, 4))), example.settings())
    assert made.report.shortened == (huge.title,)


def test_when_headlines_alone_are_too_many_the_rest_is_on_the_web_and_the_footer_stands():
    many = [example.article(n, summary="A long standfirst, word by word. " * 60) for n in range(80)]
    made = compose(example.edition(*many), example.settings())
    _, html = parts(made.compiled.message(example.recipient()))
    assert len(html.encode()) < 100_000
    assert made.report.omitted
    assert "whole edition is on the web" in html
    assert f"https://slow.example/u/{example.TOKEN}" in html


def test_an_unknown_template_or_digest_is_named_with_those_there_are():
    with pytest.raises(RenderError, match="letter"):
        compose(example.edition(), example.settings(template="nowhere"))
    with pytest.raises(SettingsError, match="there are: digest"):
        compose(example.edition(digest="other"), example.settings())


def test_an_edition_without_articles_is_refused():
    from dataclasses import replace

    with pytest.raises(CompositionRefused, match="no articles"):
        compose(replace(example.edition(), articles=()), example.settings())


def test_a_test_message_is_marked_in_its_subject(composition):
    assert parsed(composition.compiled.message(example.recipient(test=True)))["Subject"].startswith("[Test] ")


@pytest.mark.parametrize(
    "url", ["javascript:x", "https://é.example/", "/relative", "https://a.example/\r\nBcc: x", 'https://a/"']
)
def test_a_recipient_with_an_url_that_is_none_cannot_be_made(url):
    with pytest.raises(ValueError, match="URL"):
        example.recipient(unsubscribe_url=url)


def test_a_recipient_keeps_its_tokens_out_of_its_repr():
    assert example.TOKEN not in repr(example.recipient())


def test_a_template_without_bodies_that_is_too_long_names_only_what_is_left_to_the_web():
    many = [example.article(n, summary="A long standfirst, word by word. " * 60) for n in range(80)]
    made = compose(example.edition(*many), example.settings(template="magazine"))
    assert made.report.shortened == ()
    assert made.report.omitted


def test_a_subscriber_of_plain_text_gets_all_of_it_and_no_html():
    long = [example.article(n, html="<p>Word by word it grows.</p>" * 900) for n in range(12)]
    made = compose(example.edition(*long), example.settings(), text_only=True)
    message = parsed(made.compiled.message(example.recipient()))
    assert message.get_content_type() == "text/plain"
    text = message.get_payload(decode=True).decode()
    assert text.count("Word by word") == 12 * 900
    assert example.TOKEN in text
    again = CompiledEdition.from_bytes(made.compiled.to_bytes())
    assert again.message(example.recipient()) == made.compiled.message(example.recipient())


def test_a_name_of_the_other_writing_direction_is_kept_apart_from_the_words_around_it():
    arabic = compose(example.edition(), example.settings(), language="ar").compiled
    assert arabic.phrases.greeting("Ada") == "تحية طيبة، \u2068Ada\u2069،"
    english = compose(example.edition(), example.settings(), language="en").compiled
    assert english.phrases.greeting("Ada") == "Dear Ada,"
    assert english.phrases.greeting("ليلى") == "Dear \u2068ليلى\u2069,"


def test_the_two_rooms_mean_the_same_personal_values():
    from publisher.mail.personal import FIELDS
    from publisher.rendering.digests import SUBSCRIBER_FIELDS

    assert (*SUBSCRIBER_FIELDS, "mark") == FIELDS  # the mark is put in by what rewrites the links


def test_an_internationalised_local_part_stands_in_to_as_it_is_and_nothing_else_leaves_ascii(composition):
    raw = composition.compiled.message(example.recipient(address="ådå@bücher.example"))
    assert "To: Ada <ådå@xn--bcher-kva.example>\r\n".encode() in raw
    assert raw.replace("ådå".encode(), b"").isascii()


def test_a_subject_is_short_enough_to_be_read_in_an_inbox():
    made = compose(example.edition(example.article(1, title="Word after word " * 30)), example.settings())
    assert len(made.subject) <= 110
    assert made.subject.endswith("…")


def test_no_more_related_articles_are_shown_than_the_operator_wants():
    from publisher.model import RelatedArticle

    article = example.article(1, related=tuple(RelatedArticle(f"Another story, number {n}") for n in range(30)))
    _, html = parts(compose(example.edition(article), example.settings()).compiled.message(example.recipient()))
    assert html.count("Another story") == 6
    _, html = parts(
        compose(example.edition(article), example.settings(related=0)).compiled.message(example.recipient())
    )
    assert "Another story" not in html


def test_links_that_grow_after_rendering_do_not_push_the_mail_over_the_limit():
    def rewrite(html: str, prefix: str, mark: str) -> str:
        return html.replace('href="https://slow.example/a', 'href="https://slow.example/' + "x" * 400 + "/a")

    body = "".join(f'<p><a href="https://slow.example/a{n}">Word by word</a> it grows.</p>' for n in range(60))
    long = [example.article(n, html=body) for n in range(12)]
    made = compose(example.edition(*long), example.settings(), rewrite=rewrite)
    assert len(made.html.encode()) < 100_000
    assert made.report.shortened


def test_only_a_site_with_templates_of_its_own_is_rendered_in_a_child(tmp_path, monkeypatch):
    from publisher.rendering import digests

    calls = []
    monkeypatch.setattr(digests, "render_confined", lambda *arguments: calls.append(arguments) or ["s", "h", "t"])
    compose(example.edition(), example.settings())
    assert calls == []


def test_an_operators_template_composes_a_long_edition_too(tmp_path):
    folder = tmp_path / "templates" / "email" / "letter"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("{{ digest.title }} for {{ reader.name }}", encoding="utf-8")
    settings = example.settings().model_copy(update={"directory": tmp_path})
    huge = [example.article(n, html="<p>Word by word it grows.</p>" * 12_000) for n in range(6)]
    made = compose(example.edition(*huge, example.article(99)), settings)
    assert len(made.report.shortened) == 6
    assert b"Subject: The Slow Post for Ada" in made.compiled.message(example.recipient())


def test_plain_text_has_an_end_too():
    huge = [example.article(n, html="<p>Word by word it grows.</p>" * 9_000) for n in range(4)]
    made = compose(example.edition(*huge), example.settings(), text_only=True)
    assert len(made.text.encode()) < 400_000
    assert made.report.shortened
