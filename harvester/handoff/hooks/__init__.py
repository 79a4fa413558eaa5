"""Hooks: commands that are run and webhooks that are called with what is new, revised or gone.

    change log ─▶ message (its id and changes written down) ─▶ signed POST, or command ─▶ receiver
                    ▲                                             │ 2xx, exit 0: position moves
                    └─ the same message again, after a pause ◀────┘ anything else

Each hook has every change in order, at least once; a receiver tells by a message's id whether it
has had it. A slow or dead receiver holds up nobody but itself.
"""

from __future__ import annotations

from harvester.handoff.hooks.couriers import Couriers, Delivered, deliver
from harvester.handoff.hooks.ledger import Delivery, open_ledger
from harvester.handoff.hooks.register import register_hooks
from harvester.handoff.hooks.status import HookStatus, delivery_json, replay, status_of

__all__ = [
    "Couriers",
    "Delivered",
    "Delivery",
    "HookStatus",
    "deliver",
    "delivery_json",
    "open_ledger",
    "register_hooks",
    "replay",
    "status_of",
]
