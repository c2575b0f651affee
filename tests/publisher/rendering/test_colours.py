"""Whatever colours an operator chooses, text can be read in both schemes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.rendering.colours import contrast, palette
from publisher.settings.design import DesignSettings

colours = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@settings(max_examples=300, deadline=None)
@given(colours, colours, colours)
def test_every_text_colour_has_a_contrast_of_at_least_four_and_a_half_on_ground_and_panel(ground, ink, accent):
    made = palette(ground, ink, accent)
    for name in ("text", "muted", "link"):
        assert contrast(made[name], made["ground"]) >= 4.5
        assert contrast(made[name], made["panel"]) >= 4.5
    assert contrast(made["on_accent"], made["link"]) >= 4.5


def test_colours_that_can_be_read_stay_as_they_were_chosen():
    design = DesignSettings()
    light = palette(design.ground, design.ink, design.accent)
    dark = palette(design.ground_dark, design.ink_dark, design.accent_dark)
    assert (light["link"], light["text"]) == (design.accent, design.ink)
    assert (dark["link"], dark["text"]) == (design.accent_dark, design.ink_dark)
