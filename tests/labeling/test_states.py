"""Open shells: an unstable SCF solution is left for the one below, and what cannot be left is no label."""

from __future__ import annotations

import pytest

from reactal.chem import FailureKind, Label, LabelFailure, Structure, Theory
from reactal.errors import ConfigError
from reactal.labeling.base import LabelingResources
from reactal.labeling.psi4 import Psi4Labeler
from tests.labeling.molecules import hydroxyl
from tests.labeling.test_ladder import NITRIC_OXIDE, answer, climbed

FOLLOWED = Theory.parse("hf/sto-3g")
LARGER = Theory.parse("hf/6-31g*")
AS_FOUND = {"stability_analysis": "none"}
LOWER_EV = 0.5

STRETCHED_CYANO = Structure.from_symbols("CN", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.8]], multiplicity=2)


def label(structure: Structure, theory: Theory) -> Label:
    found = answer(structure, theory=theory)
    assert isinstance(found, Label), found
    return found


@pytest.mark.psi4
def test_an_unstable_state_is_left_for_the_one_below() -> None:
    found, followed = (label(STRETCHED_CYANO, FOLLOWED.with_keywords(**kw)) for kw in (AS_FOUND, {}))
    assert followed.energy < found.energy - LOWER_EV
    assert followed.s_squared is not None
    assert followed.s_squared > 1.5
    assert followed.flags == ("spin_contaminated",)


@pytest.mark.psi4
def test_a_state_that_is_stable_stays() -> None:
    found, followed = (label(hydroxyl(), FOLLOWED.with_keywords(**kw)) for kw in (AS_FOUND, {}))
    assert followed.energy == pytest.approx(found.energy, abs=1e-6)
    assert followed.s_squared == pytest.approx(found.s_squared, abs=1e-5)
    assert followed.flags == found.flags == ()


@pytest.mark.psi4
def test_a_lower_state_that_is_not_reached_is_a_failure_and_a_later_rung_may_reach_it() -> None:
    found = label(NITRIC_OXIDE, LARGER.with_keywords(**AS_FOUND))
    stranded = answer(NITRIC_OXIDE, ["default"], LARGER)
    assert isinstance(stranded, LabelFailure)
    assert stranded.kind == FailureKind.WRONG_STATE
    assert "unstable" in stranded.message
    reached = answer(NITRIC_OXIDE, ["default", "second_order_other_guess"], LARGER)
    assert isinstance(reached, Label), reached
    assert [outcome for _, outcome in climbed(reached)] == ["wrong_state", "ok"]
    assert reached.energy < found.energy - LOWER_EV


@pytest.mark.psi4
@pytest.mark.parametrize(
    "structure",
    [
        Structure.from_symbols(["He", "He"], [[0.0, 0.0, 0.0], [0.0, 0.0, 1.1]], charge=1, multiplicity=2),
        Structure.from_symbols("HH", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]], multiplicity=3),
        Structure.from_symbols("N", [[0.0, 0.0, 0.0]], multiplicity=4),
    ],
    ids=["one rotation", "no beta electron", "no empty alpha orbital"],
)
def test_what_is_too_small_to_be_analysed_is_labelled(structure: Structure) -> None:
    assert label(structure, FOLLOWED).attempts[-1].outcome == "ok"


def test_the_keyword_is_checked() -> None:
    with pytest.raises(ConfigError, match="one of none, follow"):
        Psi4Labeler(FOLLOWED.with_keywords(stability_analysis="maybe"), LabelingResources())
