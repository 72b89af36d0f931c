"""Ends under strain, on surfaces whose every height is known."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Structure, Theory
from reactal.config import defaults
from reactal.labeling.leps import leps
from reactal.labeling.pool import LocalLabelPool
from reactal.sections import Goals
from reactal.stages.check_memory import SCALES, check_strain
from reactal.stages.ends import Ends
from reactal.stages.subject import Subject
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.exploration.surfaces import Surface, morse_pair

GOALS = Goals.model_validate(defaults()["validation"])


def subject(surface: Surface, end: Structure) -> Subject:
    return Subject(surface, "m", GOALS, ends=Ends(end, end))


def test_a_molecule_under_strain_climbs_its_morse_curve() -> None:
    pair = Structure((1, 1), np.asarray([[0, 0, 0], [0, 0, 0.74]]))
    found = check_strain(subject(Surface(morse_pair), pair), None)
    expected = [4.5 * (1 - np.exp(-1.9 * 0.74 * (factor - 1))) ** 2 for factor in SCALES]
    (table,) = found.tables
    assert table.column("model") == pytest.approx(expected * 2, abs=1e-9)
    assert set(table.column("reference")) == {None} and len(found.curves) == 2


def test_the_labeler_is_asked_along_the_series() -> None:
    """Against itself there is no error, and against a surface that is shifted none either: only differences count."""
    trio = Structure((1, 1, 1), np.asarray([[0, 0, 0], [0, 0, 0.75], [0, 0, 2.6]]), multiplicity=2)
    pool = LocalLabelPool(LabelStore(open_store("memory://strain")), Theory.parse("leps/none", program="ase"))
    try:
        shifted = Surface(lambda x: np.asarray([leps(one)[0] for one in x]) + 7.0)
        found = check_strain(subject(shifted, trio), pool)
    finally:
        pool.close()
    (table,) = found.tables
    assert table.column("reference") == pytest.approx(table.column("model"), abs=1e-9)
    assert max(float(error or 0) for error in table.column("largest force error")) < 1e-6
    assert [curve.name for curve in found.curves][:2] == ["reactant, model", "reactant, reference"]
