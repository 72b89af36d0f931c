"""The name that a saddle gets once it has passed its tests: only what the reference bears out is verified."""

from __future__ import annotations

from typing import Any

import pytest

from reactal.campaign.events import Outcome, SaddleTest
from reactal.campaign.state import CampaignState, fold
from reactal.chem import Structure, Theory
from reactal.config import CampaignConfig
from reactal.stages.bench import Bench
from reactal.stages.verify import broken_symmetry, verify
from tests.campaign.journals import beginning, explored, labelled, saddle_test, way_test
from tests.stages.conftest import bench_of
from tests.stages.geometries import SADDLE


def state_with(bench: Bench, test: SaddleTest, structure: Structure = SADDLE) -> CampaignState:
    """A campaign whose newest saddle, of that structure, was tested so."""
    list(bench.label_pool().label([structure]))
    return fold([*beginning(), explored(0), labelled(1, saddle=test.model_copy(update={"key": structure.key}))])


def intermediate(force: float) -> dict[str, Any]:
    return {"joins": False, "intermediate_force": force, "intermediate_kcal": 3.2}


def test_a_saddle_that_joins_both_ends_is_verified_with_its_evidence(bench: Bench) -> None:
    event = verify(bench, state_with(bench, saddle_test(error=0.12, force=0.08)), iteration=1)
    assert event.outcome is Outcome.VERIFIED
    assert "13.92 kcal/mol on the model and 13.80" in event.evidence[0]
    assert "0.080 eV/angstrom" in event.evidence[0]
    assert "both ends" in event.evidence[1]
    assert (event.asked, event.computed, event.reused, event.stability_kcal) == (0, 0, 0, None)


def test_the_evidence_says_what_the_ways_down_are_worth(bench: Bench) -> None:
    state = state_with(bench, saddle_test())
    proof = labelled(1, proof=True, ways=way_test(force=0.31, energy=0.77)).model_copy(update={"dataset": state.dataset})
    event = verify(bench, fold([proof], state), iteration=1)
    assert event.outcome is Outcome.VERIFIED
    assert "6 points" in event.evidence[1]
    assert "0.31 eV/angstrom and 0.77 kcal/mol" in event.evidence[1]


def test_one_that_ends_in_a_minimum_of_the_reference_is_a_step(bench: Bench) -> None:
    limit = 2 * bench.config.verification.force_tolerance
    event = verify(bench, state_with(bench, saddle_test().model_copy(update=intermediate(limit))), iteration=1)
    assert event.outcome is Outcome.STEPWISE
    assert "an intermediate at 3.2 kcal/mol" in event.evidence[1]


@pytest.mark.parametrize(
    "found",
    [{"joins": False}, intermediate(0.31)],
    ids=["no intermediate labelled", "the intermediate is none at the reference"],
)
def test_one_that_joins_nothing_known_has_no_name_yet(bench: Bench, found: dict[str, Any]) -> None:
    event = verify(bench, state_with(bench, saddle_test().model_copy(update=found)), iteration=1)
    assert event.outcome is None
    assert "does not join the two ends" in event.evidence[-1]


def test_what_fails_its_tests_never_gets_this_far(bench: Bench) -> None:
    """Whatever sent it here, nothing is verified that the reference does not bear out."""
    with pytest.raises(AssertionError):
        verify(bench, state_with(bench, saddle_test(error=5.0)), iteration=1)


HYDROGEN_MOLECULE = 0.74  # angstrom
STRETCHED = 2.5  # the two electrons have parted: the closed shell is far too high


@pytest.fixture
def in_psi4(config: CampaignConfig, request: pytest.FixtureRequest) -> Bench:
    """A closed shell at HF/STO-3G."""
    theory = config.theory.model_copy(update={"program": "psi4", "method": "hf", "basis": "sto-3g", "keywords": {}})
    return bench_of(config.model_copy(update={"theory": theory, "multiplicity": 1}), request)


@pytest.mark.psi4
@pytest.mark.parametrize(("bond", "outcome"), [(HYDROGEN_MOLECULE, Outcome.VERIFIED), (STRETCHED, Outcome.UNSTABLE_REFERENCE)])
def test_a_lower_broken_symmetry_solution_is_found_and_named(in_psi4: Bench, bond: float, outcome: Outcome) -> None:
    structure = Structure.from_symbols("HH", [[0.0, 0.0, 0.0], [0.0, 0.0, bond]])
    state = state_with(in_psi4, saddle_test(), structure)
    event = verify(in_psi4, state, iteration=1)
    assert event.outcome is outcome
    assert (event.asked, event.computed, event.reused) == (1, 1, 0)
    assert event.stability_kcal is not None
    assert event.stability_kcal == pytest.approx(0.0, abs=0.01) if outcome is Outcome.VERIFIED else event.stability_kcal < -50.0
    assert f"{event.stability_kcal:+z.2f} kcal/mol" in event.evidence[-1]
    again = verify(in_psi4, state, iteration=1)
    assert (again.outcome, again.computed, again.reused) == (outcome, 0, 1)


def test_broken_symmetry_is_another_theory_with_labels_of_its_own() -> None:
    closed = Theory.parse("hf/sto-3g")
    assert broken_symmetry(closed).fingerprint != closed.fingerprint
    assert dict(broken_symmetry(closed).keywords)["reference"] == "uhf"
    assert dict(broken_symmetry(Theory.parse("b3lyp/sto-3g")).keywords)["reference"] == "uks"
