"""The feature families there are, by name."""

from __future__ import annotations

from features import complaint_latency, contact_breadth, order_history
from features.definition import Family

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (order_history.FAMILY, contact_breadth.FAMILY, complaint_latency.FAMILY)
}
