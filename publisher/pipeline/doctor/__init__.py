"""``masthead doctor``: whether a site is set up so that its mail arrives and nothing is lost; it changes nothing.

::

    settings ─→ machine  (disk, permissions, secrets, the database and its clock)
             ─→ outside  (public address, the proxies before us)
             ─→ mail     (SPF, DKIM, DMARC, return domain; the relays)
             ─→ channels (tokens)
                   └─→ looks, all beside each other within a bounded time ─→ findings, each with what to do
"""

from publisher.pipeline.doctor.examining import examine

__all__ = ["examine"]
