"""Colours an operator chooses are made legible, and change no more than they must."""

from hypothesis import given
from hypothesis import strategies as st

from publisher.rendering.colours import contrast, legible
from publisher.settings.design import DesignSettings
from publisher.web.frame.assets import DARK_GROUND, DARK_PANEL, LIGHT_GROUND, LIGHT_PANEL, style_sheet

colours = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")


def test_contrast_is_what_wcag_says():
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


@given(colours, st.sampled_from([LIGHT_GROUND, LIGHT_PANEL, DARK_GROUND, DARK_PANEL]))
def test_every_colour_becomes_legible_on_every_ground_of_ours(colour, ground):
    assert contrast(legible(colour, ground), ground) >= 4.5


def test_a_colour_that_reads_well_stays_as_it_is():
    design = DesignSettings()
    assert legible(design.accent, LIGHT_PANEL) == design.accent
    assert legible(design.accent_dark, DARK_PANEL) == design.accent_dark


def test_a_font_setting_cannot_leave_its_declaration():
    unchecked = DesignSettings().model_copy(update={"font_body": "x;} body{background:url(https://evil.example)"})
    sheet = style_sheet(unchecked, "")
    assert "url(" not in sheet
    assert sheet.count("{") == sheet.count("}") == 3
