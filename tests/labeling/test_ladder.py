"""The SCF ladder: what it may change, and molecules that need it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest

from reactal.chem import FailureKind, Label, LabelFailure, Structure, Theory
from reactal.errors import ConfigError
from reactal.labeling.base import LabelingResources
from reactal.labeling.ladder import LADDER, rungs
from reactal.labeling.psi4 import Psi4Labeler
from reactal.resources import Rung
from tests.labeling.molecules import water

QUICK = Theory.parse("hf/sto-3g")
ENERGY_AGREES = 1e-6  # eV
FORCE_AGREES = 1e-5  # eV/angstrom

CYANO = Structure.from_symbols("CN", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.17]], multiplicity=2)
NITRIC_OXIDE = Structure.from_symbols("NO", [[0.0, 0.0, 0.0], [0.0, 0.0, 2.2]], multiplicity=2)
LITHIUM_FLUORIDE = Structure.from_symbols(["Li", "F"], [[0.0, 0.0, 0.0], [0.0, 0.0, 5.0]])


def answer(structure: Structure, ladder: Sequence[str] = tuple(LADDER), theory: Theory = QUICK) -> Label | LabelFailure:
    labeler = Psi4Labeler(theory, LabelingResources(ladder=tuple(ladder)))
    answer = labeler.compute(structure)
    labeler.close()
    return answer


def climbed(found: Label | LabelFailure) -> list[tuple[str, str]]:
    return [(dict(attempt.settings)["rung"], attempt.outcome) for attempt in found.attempts]


def test_the_ladder_starts_as_the_theory_says_and_never_changes_what_it_fixes() -> None:
    assert rungs(QUICK)[0] == ("default", {})
    assert [rung.name for rung in rungs(QUICK)] == list(LADDER) == list(get_args(Rung))
    for fixed in ({"guess": "gwh"}, {"maxiter": 30}, {"guess": "core", "maxiter": 10}):
        assert not any(set(rung.changes) & set(fixed) for rung in rungs(QUICK.with_keywords(**fixed)))  # type: ignore[arg-type]


def test_what_a_fixed_keyword_makes_the_same_is_tried_once() -> None:
    names = [rung.name for rung in rungs(QUICK.with_keywords(guess="gwh"))]
    assert "other_guess" not in names
    assert {"default", "second_order_other_guess"} <= set(names)


def test_no_rung_changes_what_decides_the_number() -> None:
    deciding = {"basis", "reference", "scf_type", "e_convergence", "d_convergence", "dft_spherical_points", "dft_radial_points"}
    assert not any(set(changes) & deciding for changes in LADDER.values())


@pytest.mark.parametrize(
    ("names", "message"), [(["second_ordr"], "did you mean second_order"), (["zzz"], "known are default"), ([], "no rung")]
)
def test_a_ladder_that_is_none(names: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Psi4Labeler(QUICK, LabelingResources(ladder=tuple(names)))


@pytest.mark.psi4
def test_every_rung_leads_to_the_same_label() -> None:
    labels = [answer(water(0.1), [name]) for name in LADDER]
    assert [climbed(label) for label in labels] == [[(name, "ok")] for name in LADDER]
    first = labels[0]
    assert isinstance(first, Label)
    for label in labels[1:]:
        assert isinstance(label, Label)
        assert label.energy == pytest.approx(first.energy, abs=ENERGY_AGREES)
        assert np.abs(label.forces - first.forces).max() < FORCE_AGREES


@pytest.mark.psi4
@pytest.mark.parametrize(
    ("structure", "ladder", "tried"),
    [
        (CYANO, tuple(LADDER), 2),
        (CYANO, ("default", "second_order"), 2),
        (NITRIC_OXIDE, ("default", "damping", "second_order_other_guess"), 3),
        (LITHIUM_FLUORIDE, ("default", "other_guess", "second_order"), 3),
    ],
    ids=["CN", "CN by second order", "stretched NO", "stretched LiF"],
)
def test_a_molecule_that_needs_it(structure: Structure, ladder: Sequence[str], tried: int) -> None:
    """Of Psi4 1.3.2; a newer one may do with less."""
    found = answer(structure, ladder)
    assert isinstance(found, Label), found
    steps = climbed(found)
    assert [name for name, _ in steps] == list(ladder)[: len(steps)]
    assert [outcome for _, outcome in steps] == ["scf_not_converged"] * (len(steps) - 1) + ["ok"]
    if found.program_version.startswith("psi4 1.3."):
        assert len(steps) == tried


@pytest.mark.psi4
def test_what_no_rung_converges_is_refused_with_all_of_them() -> None:
    failure = answer(water(), theory=QUICK.with_keywords(maxiter=1))
    assert isinstance(failure, LabelFailure)
    assert failure.kind == FailureKind.SCF_NOT_CONVERGED
    assert climbed(failure) == [(name, "scf_not_converged") for name in LADDER]
    assert "Failed to converge" in failure.attempts[0].log_tail


@pytest.mark.psi4
def test_a_way_that_psi4_does_not_have_for_a_method_is_passed_by() -> None:
    """Psi4 1.3 and its successors have no second-order SCF for meta-GGAs."""
    failure = answer(water(), ("default", "second_order", "small_steps"), Theory.parse("tpss/sto-3g", keywords={"maxiter": 5}))
    assert isinstance(failure, LabelFailure)
    assert failure.kind == FailureKind.SCF_NOT_CONVERGED
    assert [outcome for _, outcome in climbed(failure)] == ["scf_not_converged", "crashed", "scf_not_converged"]
