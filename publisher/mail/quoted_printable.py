"""Quoted-printable (RFC 2045 section 6.7) in pieces that may be joined in any order.

A piece that ends in a soft line break lets the next one begin a line of its own, so a message can be
``b"".join(pieces)`` and no value can make a line longer than 76 octets. Beyond the standard we also encode
what relays are known to touch: a full stop or ``From`` that begins a line, every second blank of a run, and
tabs. Therefore the *relaxed* DKIM canonicalisation of a body made here is the body itself.
"""

from __future__ import annotations

import re

SOFT_BREAK = b"=\r\n"
LINE = 76

#: One encoded line that needs no folding: most links and names, and each message has half a dozen.
_STANDS = re.compile(rf"[!-\-/-EG-~](?:[ -~]{{,{LINE - 3}}}[!-~])?")
_TABLE = {code: chr(code) if 32 <= code <= 126 and code != 61 else f"={code:02X}" for code in range(256)}
_TABLE[10] = "\n"  # a line end of the text; :func:`encode` makes it CRLF


def encode(text: str) -> bytes:
    """The whole of ``text`` (line ends as LF), without a line break after its last line."""
    plain = "=" not in text and text.isascii() and text.isprintable()
    raw = text if plain else text.encode("utf-8").decode("latin-1").translate(_TABLE)
    if _STANDS.fullmatch(raw) and "  " not in raw:
        return raw.encode("ascii")
    out: list[str] = []
    for line in raw.split("\n"):
        line = line.replace("  ", " =20")
        if line.endswith(" "):
            line = line[:-1] + "=20"
        _fold(line, out)
        out.append("\r\n")
    return "".join(out[:-1]).encode("ascii")


def piece(text: str) -> bytes:
    """``text`` closed by a soft line break, so that anything may follow; empty stays empty."""
    return encode(text) + SOFT_BREAK if text else b""


def _fold(line: str, out: list[str]) -> None:
    while True:
        if line.startswith("."):
            line = "=2E" + line[1:]
        elif line.startswith("From "):
            line = "=46" + line[1:]
        if len(line) < LINE:
            out.append(line)
            return
        cut = LINE - 1
        if line[cut - 1] == "=":
            cut -= 1
        elif line[cut - 2] == "=":
            cut -= 2
        out.append(line[:cut] + "=\r\n")
        line = line[cut:]
