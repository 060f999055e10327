"""Which label counts where a config does not say: the champion's, else departure."""

from __future__ import annotations

from pipeline.config import Config
from pipeline.tracking.registry import ModelVersion
from pipeline.tracking.runs import open_tracking


def settle_label(config: Config) -> tuple[Config, str]:
    """Return the config with a label, and a line that says which; empty where the config says."""
    if config.label_is_written:
        return config, ""
    champion = open_tracking(config).registry.champion()
    if champion is None:
        return config, "`label.definition` is not set: using departure"
    settled = with_label_of(config, champion)
    line = f"`label.definition` is not set: using {settled.label.definition}, as the champion, "
    return settled, f"{line}version {champion.version}"


def with_label_of(config: Config, version: ModelVersion) -> Config:
    """Return the config with the label of a version, unless it has one of its own."""
    if config.label_is_written:
        return config
    tags = version.tags
    name = "departure" if tags.get("ranking") == "size" else tags.get("label", "departure")
    return config.with_label(name)
