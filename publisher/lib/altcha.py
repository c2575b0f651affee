"""A proof of work in the form of ALTCHA (version 1): whoever asks for much pays for each request with computing.

::

    issue  ─→ salt "<random>?expires=…&about=…&", challenge = SHA-256(salt + number), signature of the challenge
    solve     the browser tries number = 0, 1, 2 … until the hash is the challenge
    verify ─→ the payload: base64 of a JSON object with algorithm, challenge, number, salt and signature

Nothing is stored for a challenge. What it is about stands in the salt as a MAC, so that a solution is good for one
matter, and the salt ends with ``&``, so that no digit can move between it and the number. That a solution is used
once is the caller's business: :class:`Solved` says what to remember, and until when.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass

from publisher.lib.tokens import Keyring

ALGORITHM = "SHA-256"
MAX_PAYLOAD = 2_000
_SALT = re.compile(r"[0-9a-f]{24}\?expires=([0-9]{1,12})&about=([0-9a-f]{32})&")
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a browser is given; ``maxnumber`` is the most it must try."""

    challenge: str
    maxnumber: int
    salt: str
    signature: str

    def as_json(self) -> str:
        """ALTCHA's JSON object."""
        return json.dumps(
            {
                "algorithm": ALGORITHM,
                "challenge": self.challenge,
                "maxnumber": self.maxnumber,
                "salt": self.salt,
                "signature": self.signature,
            }
        )


@dataclass(frozen=True, slots=True)
class Solved:
    """A genuine solution: the name it must not be used again under, until ``expires`` (UTC epoch seconds)."""

    name: str
    expires: int


def issue(keyring: Keyring, about: str, *, expires: float, work: int) -> Challenge:
    """A new challenge.

    :param about: what a solution is good for; it does not appear in the challenge.
    :param expires: UTC epoch seconds.
    :param work: the most hashes that it can cost; half of that on average.
    """
    salt = f"{secrets.token_hex(12)}?expires={int(expires)}&about={_about(keyring, about).hex()}&"
    challenge = _hash(salt, secrets.randbelow(work + 1))
    return Challenge(challenge, work, salt, keyring.mac("altcha", challenge.encode(), octets=32).hex())


def verify(keyring: Keyring, payload: str, about: str, *, now: float) -> Solved | None:
    """The solution that ``payload`` holds; ``None`` for anything that is none, for whatever reason."""
    given = _decoded(payload)
    if given is None or given.get("algorithm") != ALGORITHM:
        return None
    challenge, salt, signature, number = (given.get(key) for key in ("challenge", "salt", "signature", "number"))
    if not (isinstance(challenge, str) and isinstance(salt, str) and isinstance(signature, str)):
        return None
    if type(number) is not int or number < 0:
        return None
    parts = _SALT.fullmatch(salt)
    if parts is None or not _HEX.fullmatch(challenge) or not _HEX.fullmatch(signature):
        return None
    expires = int(parts[1])
    genuine = keyring.verifies("altcha", challenge.encode(), bytes.fromhex(signature), at_least=32)
    ours = keyring.verifies("altcha about", about.encode("utf-8", "surrogatepass"), bytes.fromhex(parts[2]))
    if not (genuine and ours and now < expires and hmac.compare_digest(_hash(salt, number), challenge)):
        return None
    return Solved(challenge[:32], expires)


def solve(challenge: Challenge) -> str:
    """What a browser does, for tests and programs: the payload."""
    number = next(n for n in range(challenge.maxnumber + 1) if _hash(challenge.salt, n) == challenge.challenge)
    given = json.loads(challenge.as_json()) | {"number": number}
    return base64.b64encode(json.dumps(given).encode()).decode()


def _about(keyring: Keyring, about: str) -> bytes:
    return keyring.mac("altcha about", about.encode("utf-8", "surrogatepass"))


def _hash(salt: str, number: int) -> str:
    return hashlib.sha256(f"{salt}{number}".encode()).hexdigest()


def _decoded(payload: str) -> dict[str, object] | None:
    if not 0 < len(payload) <= MAX_PAYLOAD or not payload.isascii():
        return None
    try:
        given = json.loads(base64.b64decode(payload, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None
