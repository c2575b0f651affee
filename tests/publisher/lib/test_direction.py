"""Text direction is decided in one place, by the script that a tag names or implies."""

import pytest

from publisher.lib.direction import direction


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("ar", "rtl"),
        ("ar-EG", "rtl"),
        ("AR_eg", "rtl"),
        ("he-IL", "rtl"),
        ("iw", "rtl"),  # deprecated: he
        ("ji", "rtl"),  # deprecated: yi
        ("in", "ltr"),  # deprecated: id
        ("ks", "rtl"),
        ("ks-Deva", "ltr"),
        ("ku", "ltr"),  # Kurmanji, mostly in Latin letters
        ("ku-Arab", "rtl"),
        ("ckb", "rtl"),
        ("ckb-IR", "rtl"),
        ("az", "ltr"),
        ("az-Arab", "rtl"),
        ("az-IR", "rtl"),
        ("pa", "ltr"),
        ("pa-Arab-PK", "rtl"),
        ("pa-PK", "rtl"),
        ("uz-AF", "rtl"),
        ("sd", "rtl"),
        ("sd-Deva", "ltr"),
        ("tk-Arab", "rtl"),
        ("ar-Latn", "ltr"),
        ("arc", "rtl"),
        ("arz", "rtl"),
        ("dv", "rtl"),
        ("fa-AF", "rtl"),
        ("nqo", "rtl"),
        ("ff", "ltr"),
        ("ff-Adlm", "rtl"),
        ("rhg", "rtl"),
        ("syr", "rtl"),
        ("sam", "rtl"),
        ("myz", "rtl"),
        ("ug", "rtl"),
        ("ur", "rtl"),
        ("yi", "rtl"),
        ("en", "ltr"),
        ("en-Hebr", "rtl"),
        ("mn-Mong", "ltr"),
        ("zh-Hant-TW", "ltr"),
        ("xx", "ltr"),
        ("", "ltr"),
        ("no tag", "ltr"),
    ],
)
def test_the_script_decides(tag, expected):
    assert direction(tag) == expected
