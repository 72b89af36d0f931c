"""What a validation holds, survives a store."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.errors import DamagedObject
from reactal.store.memory import MemoryStore
from reactal.validation.base import Column, Curve, Geometry, Outcome, Table, Validation, Verdict
from reactal.validation.kept import ValidationStore

WATER = Structure.from_symbols(["O", "H", "H"], [[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]])


def sample(*, force: float = 0.02) -> Validation:
    forces = Outcome.judged("forces", "Forces", value=force, limit=0.1, unit="eV/Å", why="MAE of 12 structures")
    missing = Outcome.untestable("frequencies", "Frequencies", goal="at most 50 cm⁻¹", unit="cm⁻¹", why="no saddle was found")
    rows: tuple[tuple[str | float | None, ...], ...] = (("H", 0.1), ("<script>", None))
    table = Table("by_element", "accuracy", "By element", (Column("element"), Column("MAE", "eV/Å")), rows)
    curve = Curve("rdf", "dynamics", "O-H", "model", Column("r", "Å"), Column("g"), (1.0, 2.0), (0.0, math.nan))
    mode = tuple((float(x), 0.0, 0.5) for x in range(3))
    water = Geometry("w", "water", "minimum", WATER, facts=(("energy", "-76"),), mode=mode)
    return Validation("model-1", "data set sn2@3", (forces, missing), (table,), (curve,), (water,), (("theory", "hf/6-31g*"),))


def test_json_there_and_back_is_the_same() -> None:
    there = sample()
    back = Validation.unsealed(there.sealed(), where="here")
    assert back.as_json() == there.as_json() and back.sha256 == there.sha256
    assert back.outcomes == there.outcomes and back.tables == there.tables
    assert back.geometries[0].structure == WATER and back.geometries[0].mode == there.geometries[0].mode
    np.testing.assert_equal(back.curves[0].y, there.curves[0].y)


def test_a_changed_byte_is_named() -> None:
    with pytest.raises(DamagedObject, match="validation 7"):
        Validation.unsealed(sample().sealed().replace(b"0.02", b"0.01"), where="validation 7")


def test_the_newest_of_each_kind_is_kept() -> None:
    store = ValidationStore(MemoryStore(), "sn2")
    assert store.of("m") == ()
    first = store.put("m", sample())
    second = store.put("m", sample(force=0.3))
    assert first != second and store.get(first).verdict is Verdict.MET
    assert [found.sha256 for found in store.of("m")] == [second]
    assert store.of("another") == ()


def test_verdicts() -> None:
    assert sample().verdict is Verdict.MET
    assert sample(force=0.2).verdict is Verdict.NOT_MET
    assert sample(force=math.nan).verdict is Verdict.NOT_MET, "a number that is none meets nothing"
    nothing = Outcome.untestable("forces", "Forces", goal="", unit="", why="no labels")
    assert Validation("m", "x", (nothing,)).verdict is Verdict.NOT_TESTABLE
    least = Outcome.judged("correlation", "Correlation", value=0.97, limit=0.95, unit="", why="", least=True)
    assert least.verdict is Verdict.MET and least.goal == "at least 0.95"
