"""Every page in a real browser: readable for all, silent, alone, and as narrow as a telephone."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.server

PUBLIC = {
    "home": "/?as=visitor",
    "article": "/articles/piece-0/the-quay-keeps-one-book-and-it-is-never-wrong-for-long",
    "plain article": "/articles/piece-1/piece-1-others",
    "all articles": "/articles",
    "section": "/sections/coast",
    "tag": "/tags/harbours",
    "author": "/authors/ada-moretti",
    "archive": "/editions",
    "edition": "/editions/1",
    "subscribe": "/subscribe",
    "confirm": "CONFIRM",
    "preferences": "PREFERENCES",
    "what is held": "PREFERENCES/data",
    "erase": "PREFERENCES/erase",
    "unsubscribe": "UNSUBSCRIBE",
    "feeds": "/feeds",
    "not found": "/nothing/here",
}
DESK = {"desk": "/", "outbox": "/desk/outbox", "message": "/desk/outbox/MESSAGE", "sending": "/desk/editions/1"}
PAGES = PUBLIC | DESK


@contextmanager
def looking(chromium, served, path, *, width=1280, scheme="light", scripts=True):
    """A page that has loaded, with what the browser complained about and whom it asked."""
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=scripts
    )
    page = context.new_page()
    page.complaints, page.hosts = [], set()
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.hosts.add("/".join(request.url.split("/", 3)[:3])))
    for name in ("confirm", "preferences", "unsubscribe"):
        path = path.replace(name.upper(), getattr(served, name))
    page.goto(served.url + path.replace("MESSAGE", served.messages[0]), wait_until="load")
    yield page
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(chromium, served, axe_source, name, scheme):
    with looking(chromium, served, PAGES[name], scheme=scheme) as page:
        page.evaluate(axe_source)
        # What stands inside a frame is a mail: it has checks of its own.
        found = page.evaluate("axe.run({exclude: [['iframe']]}, {iframes: false})")
        assert [(v["id"], [node["html"][:160] for node in v["nodes"]]) for v in found["violations"]] == []


@pytest.mark.parametrize("name", PAGES)
def test_the_browser_has_nothing_to_complain_about_and_asks_nobody_but_us(chromium, served, name):
    with looking(chromium, served, PAGES[name]) as page:
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")  # frames load when they come into sight
        page.wait_for_load_state("networkidle")
        expected = ["404"] if name == "not found" else []
        assert [c for c in page.complaints if not any(code in c for code in expected)] == []
        assert page.hosts == {served.url}


@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways_on_the_smallest_telephone(chromium, served, name):
    with looking(chromium, served, PAGES[name], width=320) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_page_says_the_same_without_scripts(chromium, served, name):
    with looking(chromium, served, PUBLIC[name], scripts=False) as page:
        assert page.locator("main").inner_text().strip()
        assert page.locator("h1").count() == 1


def test_dark_mode_is_dark_and_light_mode_light(chromium, served):
    grounds = {}
    for scheme in ("light", "dark"):
        with looking(chromium, served, "/?as=visitor", scheme=scheme) as page:
            grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert grounds == {"light": "rgb(251, 250, 247)", "dark": "rgb(23, 24, 26)"}


def test_the_keyboard_reaches_the_content_first_and_sees_where_it_is(chromium, served):
    with looking(chromium, served, PUBLIC["article"]) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_a_message_unfolds_with_the_keyboard_and_shows_its_html(chromium, served):
    with looking(chromium, served, "/desk/outbox") as page:
        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        frame = page.frame_locator("details[open] iframe").first
        frame.get_by_text("Piece 1 & others").first.wait_for()
        text = page.locator("details[open] .message-side").inner_text()
        assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in text


def test_a_mail_in_a_frame_can_do_nothing_to_the_page_around_it(chromium, served):
    with looking(chromium, served, DESK["message"]) as page:
        frame = page.frames[1]
        frame.wait_for_load_state()
        assert frame.evaluate("location.origin") == served.url
        assert frame.evaluate("self.origin") == "null"  # an origin of its own, for nothing
        assert frame.evaluate("document.querySelectorAll('img[src*=\"tracker\"]').length") == 0


def test_pictures_of_ours_are_seen_in_articles_and_in_mails(chromium, served):
    loaded = "[...document.images].filter(i => i.src.includes('/media/')).map(i => i.naturalWidth > 0)"
    with looking(chromium, served, PUBLIC["plain article"]) as page:
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        page.wait_for_load_state("networkidle")
        assert set(page.evaluate(loaded)) == {True}
    with looking(chromium, served, "/editions/1/mail") as page:
        page.wait_for_load_state("networkidle")
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        page.wait_for_load_state("networkidle")
        assert page.evaluate(loaded)


def test_the_form_shows_only_the_fields_that_the_chosen_pace_needs(chromium, served):
    with looking(chromium, served, "/subscribe", scripts=False) as page:
        for pace, shown in (("each", ""), ("daily", "hour"), ("weekly", "hour weekday"), ("monthly", "hour monthday")):
            page.check(f"input[value={pace}]")
            seen = {name for name in ("hour", "weekday", "monthday") if page.is_visible(f"#{name}")}
            assert seen == set(shown.split())


def test_the_browsers_own_time_zone_is_filled_in_and_can_be_changed(chromium, served):
    context = chromium.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    page.goto(served.url + "/subscribe")
    assert page.input_value("#timezone") == "Asia/Tokyo"
    page.select_option("#timezone", "Europe/Rome")
    assert page.input_value("#timezone") == "Europe/Rome"
    context.close()


def test_a_subscriber_subscribes_with_the_keyboard_and_without_scripts(chromium, served):
    with looking(chromium, served, "/subscribe", scripts=False) as page:
        page.fill("#address", "keyboard@post.example")
        page.press("#address", "Enter")
        assert page.locator("h1").inner_text() == "Check your mail"


def test_the_operator_resumes_an_edition_with_a_click(chromium, served):
    with looking(chromium, served, "/", scripts=False) as page:
        for button, status in (("Resume", "sending"), ("Pause", "paused")):
            page.locator("#edition").get_by_role("button", name=button, exact=True).click()
            page.locator("#edition .chip", has_text=status).wait_for()
            assert page.url == f"{served.url}/#edition"
        assert page.complaints == []
