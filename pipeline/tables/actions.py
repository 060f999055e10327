"""What we did about accounts: recorded as outcomes, seen like any event, read by no feature."""

from __future__ import annotations

from features.populations import Population

ACTIONS = Population("actions", "outcomes", '"date"', ('"date"', "known_at"))
