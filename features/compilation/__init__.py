"""From values to queries: a plan that reads each event once, however many snapshots it serves.

Every row becomes a range of snapshot numbers (`features.visibility`). What can be added up is added
where a range begins, taken away where it ends, and summed along the snapshots; the set of snapshots
that see a key is a mask of bits; what must be looked at as a whole (a median, a longest wait) is
looked at per snapshot. Sums are sums of integers, so that no answer depends on the order of rows or
on threads.
"""

from features.compilation.plan import Plan, compile_values
from features.compilation.scope import Step

__all__ = ["Plan", "Step", "compile_values"]
