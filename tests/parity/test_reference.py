"""The engine's feature table is the one that the reference computes, row by row.

The plan of a single snapshot, as in scoring, differs from that of several: both are judged.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from feature_tables import (
    Key,
    assert_answers,
    from_world,
    grid,
    own_values,
    tables_of,
    values_of,
)
from generated import batches
from hypothesis import given
from hypothesis import strategies as st
from laws import Batch, law, telling
from reference import REFERENCES, reference
from seen import Answers
from worlds import ACCOUNTS, complete, named, together

from features.definition import DEFAULT_WINDOWS
from features.families import FAMILIES
from features.values import FeatureScope, Value, scope_of
from pipeline.engines import Engine


@pytest.mark.parametrize("most", [6, 1], ids=["several snapshots", "one snapshot"])
@pytest.mark.parametrize("family", FAMILIES)
def test_engine_agrees_with_the_reference(family: str, most: int, engine: Engine) -> None:
    definition = FAMILIES[family]

    @law()
    @given(
        batches(tables_of(definition), most=most),
        st.sampled_from([DEFAULT_WINDOWS, (1,), (182,), (400,)]),
    )
    @telling
    def agrees(batch: Batch, windows: tuple[int, ...]) -> None:
        answers = {}
        worlds = [named(world, f"{number}|") for number, world in enumerate(batch.worlds)]
        for number, world in enumerate(worlds):
            rows = grid([f"{number}|{account}" for account in ACCOUNTS], batch.as_ofs)
            answers |= reference(family, world, rows, windows)
        values = own_values(definition, windows)
        table = from_world(engine, values, together(worlds), answers)
        assert_answers(table, only(values, answers))

    agrees()


@pytest.mark.parametrize("family", ["order_history"])
def test_features_that_compare_accounts_agree_with_the_reference(
    family: str, engine: Engine
) -> None:
    """One world at a time: its accounts must not be compared with those of another."""
    definition = FAMILIES[family]
    values = values_of(definition, [90])
    comparing = {
        name: value for name, value in values.items() if scope_of(value) is FeatureScope.POPULATION
    }

    @law(share=0.5, per_batch=3)
    @given(batches(tables_of(definition), size=3))
    @telling
    def agrees(batch: Batch) -> None:
        for world in batch.worlds:
            answers = reference(family, world, grid(ACCOUNTS, batch.as_ofs), [90])
            table = from_world(engine, comparing, complete(world), answers)
            assert_answers(table, only(comparing, answers))

    agrees()


def test_every_feature_that_compares_accounts_is_judged() -> None:
    comparing = {
        feature.name
        for family in FAMILIES.values()
        for feature in family.features()
        if feature.scope is FeatureScope.POPULATION
    }
    assert comparing == {"margin_tier", "spend_tier"}, "judge them above, world by world"


def only(values: Mapping[str, Value], answers: Mapping[Key, Answers]) -> dict[Key, Answers]:
    """The answers to these values."""
    return {key: {name: of_key[name] for name in values} for key, of_key in answers.items()}


def test_every_family_has_a_reference() -> None:
    assert REFERENCES.keys() == FAMILIES.keys()
