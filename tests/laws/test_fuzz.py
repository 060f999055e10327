"""What `make fuzz` throws at `validate`, and how it tells what it found."""

from __future__ import annotations

from dataclasses import replace

import fuzz


def test_an_input_is_its_seed_and_its_number():
    for number in range(40):
        assert fuzz.drawn(3, number) == fuzz.drawn(3, number)
    assert fuzz.drawn(3, 1) != fuzz.drawn(4, 1)


def test_a_fault_is_found_and_its_input_kept(tmp_path, monkeypatch, capsys):
    """A code that is not among those that can be meant, for want of a real fault."""
    monkeypatch.chdir(tmp_path)
    given = next(g for n in range(99) if (g := fuzz.drawn(1, n)).family == "fault 43")
    monkeypatch.setattr(fuzz, "drawn", lambda seed, number: replace(given, codes=frozenset({0})))
    (told,) = fuzz.work(1, [7], tmp_path)
    assert (told["code"], told["wrong"]) == (78, "ends with 78, not 0")
    kept = tmp_path / "var" / "fuzz" / "seed-1-number-7"
    assert (kept / "config.yaml").read_bytes() == given.files["config.yaml"]
