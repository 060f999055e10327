"""The feature families there are, by name."""

from __future__ import annotations

from features import complaint_latency, contact_breadth, order_history
from features.complaint_latency import RESOLUTION_DAYS
from features.definition import Family


def families(resolution_days: int = RESOLUTION_DAYS) -> dict[str, Family]:
    """Our families by name; resolution_days: within which a complaint should be resolved."""
    ours = (
        order_history.FAMILY,
        contact_breadth.FAMILY,
        complaint_latency.family(resolution_days),
    )
    return {family.name: family for family in ours}


FAMILIES = families()
