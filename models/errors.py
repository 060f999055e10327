"""What can go wrong in the models, each with a message that says what to do about it."""

from __future__ import annotations


class ModelError(RuntimeError):
    """Base of every error that the models raise on purpose."""


class ModelLibraryMissing(ModelError):
    """LightGBM, or the OpenMP runtime that it needs, cannot be loaded."""


class DamagedModel(ModelError):
    """A stored model file is missing, truncated, edited or not a model of ours."""


class FeatureMismatch(ModelError):
    """The features at hand are not the ones that the model was fitted on."""


class TooLittleHistory(ModelError):
    """There are not enough snapshots, or outcomes, to learn from."""


class LeakageFound(ModelError):
    """A label would be used before it was known, or a feature gives it away."""
