"""The configuration: the choices a data scientist makes, read from one YAML file."""

from pipeline.config.form import Config, FileOptions, InputConfig, SourceConfig, load_config

__all__ = ["Config", "FileOptions", "InputConfig", "SourceConfig", "load_config"]
