"""Laws of BG/NBD, whatever its parameters and the histories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import bg_nbd
from models.bg_nbd import BgNbd

parameters = st.floats(0.01, 50)
models = st.builds(BgNbd, parameters, st.floats(1, 1000), parameters, parameters)
histories = st.lists(
    st.tuples(st.integers(0, 200), st.floats(0.01, 1), st.floats(1, 2000)),
    min_size=1,
    max_size=20,
)


def columns(
    rows: list[tuple[int, float, float]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """repeats, last (a share of the tenure; 0 without repeats) and tenure."""
    repeats, share, tenure = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return repeats, np.where(repeats > 0, share * tenure, 0.0), tenure


@given(models, histories, st.floats(0.1, 1000))
def test_silence_is_never_certain_and_likelier_over_a_shorter_horizon(
    model: BgNbd, rows: list[tuple[int, float, float]], horizon: float
) -> None:
    history = columns(rows)
    silent = model.silent(*history, horizon)
    assert ((silent > 0) & (silent < 1)).all()
    assert (model.silent(*history, 2 * horizon) <= silent).all()


@given(models, histories, st.floats(0.1, 1000), st.floats(0.1, 1000))
def test_silence_makes_silence_likelier(
    model: BgNbd, rows: list[tuple[int, float, float]], horizon: float, longer: float
) -> None:
    repeats, last, tenure = columns(rows)
    silent = model.silent(repeats, last, tenure, horizon)
    nearly = 1 - 1e-12  # rounding
    assert (model.silent(repeats, last, tenure + longer, horizon) >= silent * nearly).all()
    assert (model.silent(repeats, last / 2, tenure, horizon) >= silent * nearly).all()


@given(models, histories, st.floats(0.1, 1000), st.floats(0.1, 1000))
def test_two_horizons_are_one_after_the_other(
    model: BgNbd, rows: list[tuple[int, float, float]], first: float, then: float
) -> None:
    """Silent over both is silent over the first, and then over the second, now grown older."""
    repeats, last, tenure = columns(rows)
    one = model.silent(repeats, last, tenure, first)
    other = model.silent(repeats, last, tenure + first, then)
    assert model.silent(repeats, last, tenure, first + then) == pytest.approx(one * other)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 400))
def test_the_unit_of_time_changes_nothing(seed: int, unit: float) -> None:
    random = np.random.default_rng(seed)
    tenure = random.uniform(50, 700, 300)
    repeats = random.poisson(random.gamma(0.8, tenure / 60))
    last = np.where(repeats > 0, tenure * random.uniform(0.1, 1, 300), 0.0)
    model = bg_nbd.fit(repeats, last, tenure)
    scaled = bg_nbd.fit(repeats, last * unit, tenure * unit)
    silent = model.silent(repeats, last, tenure, 90)
    assert scaled.silent(repeats, last * unit, tenure * unit, 90 * unit) == pytest.approx(
        silent, abs=1e-4
    )
    same = replace(model, alpha=model.alpha * unit)
    assert same.silent(repeats, last * unit, tenure * unit, 90 * unit) == pytest.approx(silent)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_no_neighbouring_model_is_likelier(seed: int) -> None:
    random = np.random.default_rng(seed)
    tenure = random.uniform(50, 700, 300)
    repeats = random.poisson(random.gamma(0.8, tenure / 60))
    last = np.where(repeats > 0, tenure * random.uniform(0.1, 1, 300), 0.0)
    model = bg_nbd.fit(repeats, last, tenure)
    best = model.log_likelihood(repeats, last, tenure)
    for name in ("r", "alpha", "a", "b"):
        for factor in (0.97, 1.03):
            moved = replace(model, **{name: getattr(model, name) * factor})
            inside = 1e-4 < getattr(moved, name) / (tenure.mean() if name == "alpha" else 1) < 1e4
            if inside:
                assert moved.log_likelihood(repeats, last, tenure) < best + 1e-6, (name, factor)
