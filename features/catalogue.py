"""The feature catalogue: every feature with its sentence, unit and meaning of null, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from features.definition import DEFAULT_WINDOWS, Family, Feature


def catalogue(families: Sequence[Family], windows: Sequence[int] = DEFAULT_WINDOWS) -> str:
    """Markdown with one table per family, a row per feature, its name first and in backticks."""
    parts = ["# Feature catalogue", "", "Generated from the definitions by `defection catalogue`."]
    for family in families:
        features = family.features(windows)
        parts += [
            "",
            f"## {family.name}",
            "",
            f"{family.says} Read from `{family.table}`; {len(features)} features.",
            "",
            "| feature | says | unit | null means |",
            "|---|---|---|---|",
            *(_row(feature) for feature in features),
        ]
    return "\n".join(parts) + "\n"


def _row(feature: Feature) -> str:
    return f"| `{feature.name}` | {feature.says} | {feature.unit} | {feature.null_means} |"
