"""From files to canonical tables in the engine, and everything that is wrong with them."""

from pipeline.sources.load import Sources, load_sources, readable_paths

__all__ = ["Sources", "load_sources", "readable_paths"]
