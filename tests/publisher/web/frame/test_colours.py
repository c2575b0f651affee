"""Colours an operator chooses are taken, made legible, and change no more than they must."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.rendering.colours import contrast, legible, shade
from publisher.settings.design import DesignSettings
from publisher.web.frame.assets import scheme, style_sheet

colours = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")


def schemes(sheet: str) -> list[dict[str, str]]:
    """The custom properties of the light scheme and of the dark one."""
    blocks = re.findall(r":root\{([^}]*)\}", sheet)
    assert len(blocks) == 2
    return [dict(each.split(":", 1) for each in block.split(";")) for block in blocks]


def test_contrast_is_what_wcag_says():
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


@given(colours, colours)
def test_every_colour_becomes_legible_on_every_ground(colour, ground):
    assert contrast(legible(colour, ground), ground) >= 4.5
    assert contrast(shade(colour, (ground,), 4.5), ground) >= 4.5


@given(colours, colours, colours)
def test_whatever_is_chosen_the_pages_can_be_read(ground, ink, accent):
    made = scheme(ground, ink, accent)
    assert made["--ground"] == ground
    for under in (made["--ground"], made["--panel"]):
        for name in ("--ink", "--soft", "--accent", "--good", "--bad", "--warn"):
            assert contrast(made[name], under) >= 4.5, (name, under)
        assert contrast(made["--field"], under) >= 3
    assert contrast(made["--on-accent"], made["--accent"]) >= 4.5


def test_the_chosen_colours_stand_in_the_sheet_each_in_its_scheme():
    chosen = {"ground": "#e8f1f7", "ink": "#0b1a26", "ground_dark": "#0c1d2b", "ink_dark": "#e3eef5"}
    light, dark = schemes(style_sheet(DesignSettings(**chosen), ""))
    assert (light["--ground"], light["--ink"], light["color-scheme"]) == ("#e8f1f7", "#0b1a26", "light")
    assert (dark["--ground"], dark["--ink"], dark["color-scheme"]) == ("#0c1d2b", "#e3eef5", "dark")


def test_a_dark_paper_in_the_light_scheme_has_light_text_and_dark_fields():
    light, _ = schemes(style_sheet(DesignSettings(ground="#102030", ink="#101010"), ""))
    assert light["color-scheme"] == "dark"
    assert contrast(light["--ink"], "#102030") >= 7


def test_colours_that_read_well_stay_as_they_are():
    design = DesignSettings()
    light, dark = schemes(style_sheet(design, ""))
    assert (light["--accent"], light["--ink"]) == (design.accent, design.ink)
    assert (dark["--accent"], dark["--ink"]) == (design.accent_dark, design.ink_dark)


@pytest.mark.parametrize("path", ["/", "/desk/outbox"])
def test_public_pages_and_the_desk_are_shown_in_the_chosen_colours(site_dir, store, path):
    from starlette.testclient import TestClient

    from publisher.pipeline.site import Site
    from publisher.settings import load_settings
    from publisher.web.app import create_app
    from tests.publisher.web.conftest import on_loopback

    with (site_dir / "publication.toml").open("a") as file:
        file.write('[design]\nground = "#e8f1f7"\n')
    app = create_app(Site(on_loopback(load_settings(site_dir)), store))
    near = TestClient(app, base_url="http://127.0.0.1:8000", client=("127.0.0.1", 1))
    page = near.get(path)
    assert page.status_code == 200
    sheet = near.get(re.search(r'href="(/static/style\.[^"]+)"', page.text)[1]).text
    assert "--ground:#e8f1f7" in sheet
    assert not re.search(r"--ground:(?!#e8f1f7|#17181a)", sheet.replace(": ", ":"))


def test_a_font_setting_cannot_leave_its_declaration():
    unchecked = DesignSettings().model_copy(update={"font_body": "x;} body{background:url(https://evil.example)"})
    sheet = style_sheet(unchecked, "")
    assert "url(" not in sheet
    assert sheet.count("{") == sheet.count("}") == 3
