"""The page that asks for a proof of work on a busy day, and its script: ours, from our own origin, without workers.

The script hashes by itself: ``crypto.subtle`` exists on https only, and a call for each number is slower than this.
Without script the page says that the request is kept, which it is.
"""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from publisher.lib.addresses import Address
from publisher.lib.altcha import Challenge
from publisher.rendering.languages import Speech
from publisher.subscribers import busy
from publisher.web.frame.frame import FOR_EVER, NEVER_KEPT, Frame

#: The field with the solution, in forms and in JSON.
FIELD = "altcha"

SCRIPT = b"""(() => {
  "use strict";
  const form = document.querySelector("form[data-challenge]");
  if (!form) return;
  const task = JSON.parse(form.dataset.challenge);
  const root = (n, power) => { const r = n ** (1 / power); return ((r - Math.floor(r)) * 0x100000000) | 0; };
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  const K = primes.map((p) => root(p, 3));
  const START = primes.slice(0, 8).map((p) => root(p, 2));
  const W = new Int32Array(64);
  const sha256 = (text) => {
    const blocks = (text.length + 9 + 63) >> 6;
    const words = new Int32Array(blocks * 16);
    for (let i = 0; i < text.length; i++) words[i >> 2] |= text.charCodeAt(i) << (24 - (i & 3) * 8);
    words[text.length >> 2] |= 0x80 << (24 - (text.length & 3) * 8);
    words[blocks * 16 - 1] = text.length * 8;
    const H = Int32Array.from(START);
    for (let at = 0; at < words.length; at += 16) {
      let [a, b, c, d, e, f, g, h] = H;
      for (let i = 0; i < 64; i++) {
        if (i < 16) W[i] = words[at + i];
        else {
          const x = W[i - 15], y = W[i - 2];
          const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
          const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
          W[i] = W[i - 16] + s0 + W[i - 7] + s1;
        }
        const S1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const t1 = (h + S1 + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
        const S0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const t2 = (S0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
      }
      [a, b, c, d, e, f, g, h].forEach((value, i) => { H[i] += value; });
    }
    return H;
  };
  const goal = Int32Array.from({ length: 8 }, (_, i) => parseInt(task.challenge.slice(i * 8, i * 8 + 8), 16) | 0);
  const progress = form.querySelector("progress");
  progress.parentElement.hidden = false;
  progress.max = task.maxnumber;
  let number = 0;
  const some = () => {
    const stop = Math.min(number + 5000, task.maxnumber + 1);
    for (; number < stop; number++) {
      const H = sha256(task.salt + number);
      if (H[0] === goal[0] && H.every((value, i) => value === goal[i])) {
        const { algorithm, challenge, salt, signature } = task;
        form.elements.altcha.value = btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
        form.submit();
        return;
      }
    }
    progress.value = number;
    if (number <= task.maxnumber) setTimeout(some, 0);
  };
  some();
})();
"""
SCRIPT_PATH = f"/subscribe/work.{hashlib.sha256(SCRIPT).hexdigest()[:16]}.js"


def challenge(frame: Frame, address: Address) -> Challenge:
    return busy.challenge_for(frame.site.store, frame.site.settings, address, now=frame.site.now())


def page(frame: Frame, request: Request, address: Address, speech: Speech) -> Response:
    """The same for every address: the request is kept, and here is work."""
    values = {
        "title": speech.say("subscribe.busy"),
        "robots": "noindex",
        "address": address.text,
        "challenge": challenge(frame, address).as_json(),
        "script": SCRIPT_PATH,
    }
    response = frame.page(request, "web/busy.html", values, cache=NEVER_KEPT, speech=speech)
    response.headers["content-security-policy"] = frame.policy + "; script-src 'self'"
    return response


def solved(frame: Frame, address: Address, solution: str) -> None:
    """Take a solution. Nothing says whether it was one: it may be about an address that was never asked for."""
    busy.confirm_at_once(frame.site.store, address, solution, now=frame.site.now())


def script(frame: Frame, request: Request) -> Response:
    return Response(SCRIPT, media_type="text/javascript; charset=utf-8", headers={"cache-control": FOR_EVER})
