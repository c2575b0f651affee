"""Every golden edition in Chromium: as a subscriber sees it, at three widths, in both schemes.

The pictures of ``tests/golden/pictures`` are small copies of what a person looked at; UPDATE_GOLDEN=1 takes them anew.
"""

from __future__ import annotations

import io
import os
import re
from email import message_from_bytes, policy
from functools import cache

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from publisher.rendering.pictures import take_pictures
from tests.golden_editions import FOLDER, Golden, golden_editions

pytestmark = pytest.mark.server

GOLDEN = golden_editions()
PICTURES = FOLDER.parent / "pictures"
WIDTHS = (320, 600, 1200)
SCHEMES = ("light", "dark")
#: Golden pictures are this many times smaller: fonts may differ a little between machines, layouts may not.
SHRINK = 8


CONTRAST = """() => {
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const linear = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const luminance = c => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const c = channels(getComputedStyle(element).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.getClientRects().length) continue;
    const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${node.data.trim().slice(0, 40)}`);
  }
  return poor;
}"""


def _html(golden: Golden) -> str:
    parsed = message_from_bytes(golden.compose().compiled.message(golden.recipient), policy=policy.default)
    return list(parsed.iter_parts())[1].get_payload(decode=True).decode("utf-8")


def _answer(route) -> None:
    if route.request.resource_type == "image":
        route.fulfill(body=_picture("logo" in route.request.url), content_type="image/png")
    else:
        route.abort()


@cache
def _picture(logo: bool) -> bytes:
    size = (200, 40) if logo else (600, 300)
    picture = Image.new("RGB", size, (150, 170, 190))
    draw = ImageDraw.Draw(picture)
    draw.polygon([(0, size[1]), (size[0] // 3, size[1] // 3), (size[0] * 2 // 3, size[1])], fill=(60, 80, 100))
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


@pytest.fixture(params=GOLDEN, ids=str, scope="module")
def golden(request):
    return request.param


@pytest.fixture(params=SCHEMES, scope="module")
def page(request, chromium, golden):
    """One golden edition in one scheme; pictures come from here and nothing else is fetched."""
    context = chromium.new_context(
        color_scheme=request.param, java_script_enabled=True, viewport={"width": 600, "height": 900}
    )
    page = context.new_page()
    page.route("**/*", _answer)
    page.scheme = request.param
    page.set_content(_html(golden), wait_until="load")
    yield page
    context.close()


def test_nothing_scrolls_sideways_at_any_width(page):
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_all_text_has_a_contrast_of_at_least_four_and_a_half(page):
    assert page.evaluate(CONTRAST) == []


def test_no_script_of_the_digest_runs(page):
    assert page.evaluate("document.querySelectorAll('script, iframe, form, object').length") == 0
    assert (
        page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => /^on/.test(a.name)).length"
        )
        == 0
    )


def test_the_scheme_is_designed_and_not_inverted(page):
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", ground)[:3])) < 80) == (page.scheme == "dark")


@pytest.mark.parametrize("width", WIDTHS)
def test_it_looks_as_it_did_when_a_person_looked(page, golden, width):
    page.set_viewport_size({"width": width, "height": 900})
    with Image.open(io.BytesIO(page.screenshot(full_page=True))) as shot:
        made = shot.convert("RGB").reduce(SHRINK)
    path = PICTURES / f"{golden}-{width}-{page.scheme}.png"
    if os.environ.get("UPDATE_GOLDEN"):
        PICTURES.mkdir(exist_ok=True)
        made.quantize(32).save(path, optimize=True)
    with Image.open(path) as file:
        kept = file.convert("RGB")
    assert abs(made.height - kept.height) <= max(2, kept.height * 0.04), "the page became longer or shorter"
    made = made.resize(kept.size)
    difference = ImageStat.Stat(ImageChops.difference(made, kept).convert("L")).mean[0]
    assert difference <= 9, f"look at it, then UPDATE_GOLDEN=1 rewrites {path.name}"


def test_the_commands_pictures_are_the_six_of_the_preview(chromium, tmp_path):
    golden = next(golden for golden in GOLDEN if golden.name == "short")
    files = take_pictures(_html(golden), tmp_path, stem="short", offline=True)
    assert sorted(file.name for file in files) == sorted(f"short-{w}-{s}.png" for w in WIDTHS for s in SCHEMES)
    for file in files:
        width, scheme = file.stem.split("-")[1:]
        with Image.open(file) as picture:
            assert picture.width == int(width)
            assert picture.height > 300
            assert (max(picture.getpixel((2, 2))[:3]) < 80) == (scheme == "dark")


def test_the_golden_pictures_are_small():
    assert sum(path.stat().st_size for path in PICTURES.glob("*.png")) < 400_000
