"""Which label counts where a config does not say: the champion's, else departure."""

from __future__ import annotations

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.tracking.runs import open_tracking


def settle_label(config: Config) -> tuple[Config, str]:
    """Return the config with a label, and a line that says which; empty where the config says."""
    if config.label_is_written:
        return config, ""
    try:
        champion = open_tracking(config).registry.champion()
    except ConfigError:  # nothing is registered under this name
        champion = None
    if champion is None:
        return config, "`label.definition` is not set: using departure"
    tags = champion.tags
    name = "departure" if tags.get("ranking") == "size" else tags.get("label", "departure")
    line = f"`label.definition` is not set: using {name}, as the champion, version "
    return config.with_label(name), line + str(champion.version)
