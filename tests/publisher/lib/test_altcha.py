"""A proof of work is good for one matter, for a while, and for nobody who did not do it."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.lib import altcha
from publisher.lib.tokens import Keyring

KEYS = Keyring((b"k" * 32,))
ABOUT = "ada@example.org"
#: Made once: solving is work.
CHALLENGE = altcha.issue(KEYS, ABOUT, expires=1000.0, work=500)
PAYLOAD = altcha.solve(CHALLENGE)


def changed(**values: object) -> str:
    given = json.loads(base64.b64decode(PAYLOAD)) | values
    return base64.b64encode(json.dumps(given).encode()).decode()


def number() -> int:
    return json.loads(base64.b64decode(PAYLOAD))["number"]


def test_a_solution_is_accepted_until_it_expires_and_with_an_older_key():
    solved = altcha.verify(KEYS, PAYLOAD, ABOUT, now=999.0)
    assert solved is not None
    assert solved.expires == 1000
    assert altcha.verify(Keyring((b"n" * 32, b"k" * 32)), PAYLOAD, ABOUT, now=1.0) == solved
    assert altcha.verify(KEYS, PAYLOAD, ABOUT, now=1000.0) is None


def test_it_has_the_form_of_altcha_and_does_not_hold_what_it_is_about():
    assert set(json.loads(CHALLENGE.as_json())) == {"algorithm", "challenge", "maxnumber", "salt", "signature"}
    assert CHALLENGE.salt.partition("?")[2].startswith("expires=1000&")
    assert "ada" not in CHALLENGE.as_json()


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "x",
        "e30=",
        "bnVsbA==",
        "A" * 5000,
        "é",
        changed(number=number() + 1),
        changed(number=-1),
        changed(number=True),
        changed(number=str(number())),
        changed(number=float(number())),
        changed(number=None),
        changed(algorithm="SHA-1"),
        changed(signature="0" * 64),
        changed(signature=CHALLENGE.signature[:20]),
        changed(challenge=CHALLENGE.challenge.upper()),
        changed(salt=CHALLENGE.salt.replace("expires=1000", "expires=9000")),
        changed(salt=CHALLENGE.salt[:-1]),
        changed(salt=CHALLENGE.salt + str(number())[:1], number=int(str(number())[1:] or 0)),
        changed(salt=[]),
    ],
)
def test_anything_else_is_none(payload):
    assert altcha.verify(KEYS, payload, ABOUT, now=1.0) is None


def test_it_is_good_for_nobody_else_and_no_other_site():
    assert altcha.verify(KEYS, PAYLOAD, "bo@example.org", now=1.0) is None
    assert altcha.verify(Keyring((b"x" * 32,)), PAYLOAD, ABOUT, now=1.0) is None


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.b64encode(raw).decode()), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["algorithm", "salt", "number", "x"]), inner),
).map(lambda value: base64.b64encode(json.dumps(value).encode()).decode())))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_no_payload_is_too_odd_to_judge(payload):
    assert altcha.verify(KEYS, payload, ABOUT, now=1.0) is None
