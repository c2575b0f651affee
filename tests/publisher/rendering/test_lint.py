"""The lint names, with file and line, what mail clients will not show."""

import pytest

from publisher.errors import RenderError
from publisher.rendering.lint import check_html, lint


@pytest.mark.parametrize("template", ["letter", "magazine", "headlines"])
def test_our_own_designs_have_no_finding(template):
    assert lint(template) == []


NAME = "email/own/body.html"


def found(source: str) -> list[tuple[int, str]]:
    return [(finding.line, finding.message) for finding in sorted(set(check_html(source, NAME)))]


@pytest.mark.parametrize(
    ("css", "word"),
    [
        ("p {color: var(--ink);}", "variables"),
        ("@import url(x);", "@import"),
        ("p {display: flex;}", "flexbox"),
        ("p {display: grid;}", "grid"),
        ("p {position: absolute;}", "position"),
        ("p {float: left;}", "float"),
        ("p {background-image: url(https://a.example/x.png);}", "background"),
        ("p {color: rgb(0 0 0 / 50%);}", "dropped"),
        ("p {color: rgba(0, 0, 0, .5);}", "rgb"),
        ("p:nth-child(2) {color: #000000;}", "selector"),
        ("p::before {content: 'x';}", "generated"),
        ("p {font-size: 1.2rem;}", "rem"),
        ("p {width: calc(100% - 3px);}", "calculated"),
        ("p {margin: -4px;}", "negative"),
        ("p {transition: all 1s;}", "animation"),
        ("p {transform: none;}", "transform"),
    ],
)
def test_css_that_clients_drop_is_named_with_its_line(css, word):
    ((line, message),) = found(f"<html>\n<style>\n/* a comment: display: flex */\n{css}\n</style>\n</html>")
    assert line == 4
    assert word in message


@pytest.mark.parametrize(
    ("markup", "word"),
    [
        ("<script>x</script>", "scripts"),
        ("<form>", "forms"),
        ("<svg></svg>", "svg"),
        ("<video></video>", "video"),
        ('<link rel="stylesheet" href="https://a.example/x.css">', "linked"),
        ('<p style="color: #000000">', "inline style"),
        ('<p onclick="x">', "event"),
        ("<![if !mso]><p></p>", "conditional"),
        ('<img src="http://a.example/x.png" alt="" width="10">', "plain http"),
        ('<img src="/x.png" alt="" width="10">', "relative"),
        ('<a href="../x">', "relative"),
        ('<img src="https://a.example/x.png" width="10">', "alt"),
        ('<img src="https://a.example/x.png" alt="">', "width"),
        ('<img src="https://a.example/x.png" alt="" width="100%">', "width"),
        ("<table><tr><td></td></tr></table>", "role"),
    ],
)
def test_markup_that_clients_drop_is_named_with_its_line(markup, word):
    findings = found(f"<html>\n\n{markup}\n</html>")
    assert [(line, word in message) for line, message in findings] == [(3, True)]


def test_unbalanced_conditional_comments_are_found():
    assert any("opened" in message for _, message in found("<!--[if mso]><p>x</p>"))


def test_a_style_element_that_gmail_drops_is_found():
    assert any("8192" in message for _, message in found("<style>" + "p {margin: 0;}\n" * 600 + "</style>"))


def test_what_only_outlook_reads_and_what_jinja_computes_is_no_finding():
    ghost = '<!--[if mso]><table><tr><td style="x"><![endif]-->\n<!--[if mso]></td></tr></table><![endif]-->'
    assert found(ghost) == []
    assert found('<img src="{{ a.url }}" alt="{{ a.alt }}" width="{{ a.width if a.width <= 560 else 560 }}">') == []
    assert found("{# <form> display: flex #}") == []


def test_an_operators_template_is_checked_whole(tmp_path):
    folder = tmp_path / "templates" / "email" / "own"
    folder.mkdir(parents=True)
    (folder / "body.html").write_text("<html>\n{% if %}\n<p>{{ x }}</p></html>", encoding="utf-8")
    (folder / "body.txt").write_text("Hello\n", encoding="utf-8")
    findings = [str(finding) for finding in lint("own", tmp_path)]
    assert any(text.startswith("email/own/body.html:2: error: ") for text in findings)
    assert any("email/own/subject.txt:1: error: the file is missing" in text for text in findings)
    assert any("email/own/body.txt:1: error: no unsubscribe link" in text for text in findings)
    assert any("no dark colours" in text for text in findings)


def test_an_override_of_one_file_is_checked_where_it_stands(tmp_path):
    folder = tmp_path / "templates" / "email" / "letter"
    folder.mkdir(parents=True)
    text = '{% extends "email/_base/body.html" %}\n{% block style %}\np {display: flex;}\n{% endblock %}\n'
    (folder / "body.html").write_text(text, encoding="utf-8")
    assert [str(finding) for finding in lint("letter", tmp_path)] == [
        "email/letter/body.html:3: error: flexbox: not in Outlook for Windows; use a table"
    ]


def test_a_template_that_does_not_exist_is_an_error():
    with pytest.raises(RenderError):
        lint("nowhere")


def test_the_page_for_template_authors_names_every_value():

    from publisher.rendering.digest_values import Shown, article_body, digest_values
    from publisher.rendering.digests import SUBSCRIBER_FIELDS
    from publisher.rendering.languages import speech_for
    from publisher.rendering.templates import packaged_templates
    from tests.golden_editions import golden_editions

    golden = golden_editions()[0]
    edition, settings = golden.edition, golden.settings
    values = digest_values(
        edition,
        settings,
        settings.digests[0],
        speech_for("en"),
        {article.id: article_body(article) for article in edition.articles},
        [Shown(article) for article in edition.articles],
        share_links={edition.articles[0].id: [("X", "https://x.example")]},
        subscriber=dict.fromkeys(SUBSCRIBER_FIELDS, "x"),
    )
    page = (packaged_templates() / "email" / "README.md").read_text(encoding="utf-8")
    first = values["articles"][0]
    inner = [values[key] for key in ("publication", "sender", "digest", "edition", "subscriber", "light", "design")]
    inner += [first, first["image"], first["share"][0], first["related"][0], first["enclosures"][0]]
    for name in [*values, *(key for item in inner for key in item)]:
        assert f"`{name}`" in page, name


def test_a_template_too_deep_to_be_parsed_is_a_finding(tmp_path):
    folder = tmp_path / "templates" / "email" / "own"
    folder.mkdir(parents=True)
    (folder / "body.html").write_text("{{ " + "(" * 5000 + " }}", encoding="utf-8")
    assert any("nested too deep" in str(finding) for finding in lint("own", tmp_path))


def test_a_rule_that_the_inlining_drops_is_an_error_only_where_it_is_inlined():
    rule = "@supports (color: red) {p {margin: 0;}}"
    ((line, message),) = found(f"<html>\n<style>\n{rule}\n</style></html>")
    assert (line, "dropped in inlining" in message) == (3, True)
    assert found(f'<html>\n<style data-premailer="ignore">\n{rule}\n</style></html>') == []
    assert found("{% block head_style %}\n" + rule + "\n{% endblock %}") == []
    assert found("{% block style %}\n" + rule + "\n{% endblock %}")[0][0] == 2
