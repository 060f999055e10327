"""Tables that follow from the sources, and that features read beside them."""

from __future__ import annotations

from pipeline.engines import Engine
from pipeline.sources import Sources
from pipeline.tables.identity import make_identity_table
from pipeline.tables.representatives import make_representatives_table


def make_derived_tables(engine: Engine, sources: Sources) -> None:
    """Create what `sources` give rise to: merged identities, departures that nobody recorded."""
    make_identity_table(engine)
    if sources.departures_inferred:
        make_representatives_table(engine)
