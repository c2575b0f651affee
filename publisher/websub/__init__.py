"""WebSub: our own hub, and the hubs of others.

::

    a feed's bytes changed ─ announce() ─→ rows: who is owed what      in the caller's transaction
    somebody asks our hub  ─ hub.ask()  ─→ a row: to be verified
    the worker's tick      ─ fan_out_due() ─→ requests, many at once
"""

from publisher.websub.announcing import announce
from publisher.websub.fanning_out import FanOut, fan_out_due
from publisher.websub.hub import BadRequest, HubBusy, ask, topics

__all__ = ["BadRequest", "FanOut", "HubBusy", "announce", "ask", "fan_out_due", "topics"]
