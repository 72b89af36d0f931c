"""Searches for known saddles, and every way in which a search can come to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from reactal.chem import Structure, Theory
from reactal.config import defaults
from reactal.labeling.leps import leps
from reactal.labeling.pool import LocalLabelPool
from reactal.progress import NoProgress
from reactal.sections import Goals
from reactal.stages import check_suite as module
from reactal.stages.check_suite import check_suite
from reactal.stages.subject import Subject
from reactal.stages.suite import SuiteReaction
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from reactal.validation.base import Cell, Findings, Verdict
from tests.campaigns import BARRIER_KCAL
from tests.exploration.surfaces import WELLS, Surface, distance, hcch, rotor

GOALS = Goals.model_validate(defaults()["validation"])
APART_KCAL = 8.5  # the barrier from atom and molecule far apart; from the shallow well between them it is BARRIER_KCAL
STRETCH = 1.06  # of all distances of the model's surface: the same heights elsewhere
BOND = 0.926  # angstrom, at the reference's saddle
CLOSE = 0.1  # kcal/mol, of energies at points where forces of 0.03 eV/angstrom may be left
PLACE = 0.004  # angstrom


def stretched(x: np.ndarray) -> np.ndarray:
    return np.asarray([leps(one / STRETCH)[0] for one in x])


def trio(first: float, second: float, off: float = 0.01) -> Structure:
    return Structure((1, 1, 1), np.asarray([[0, 0, 0], [0, off, first], [0, 0, first + second]]), multiplicity=2)


EXCHANGE = SuiteReaction("H + H2", trio(0.75, 1.9), trio(1.9, 0.75))


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalLabelPool]:
    labels = LabelStore(open_store("memory://suite"))
    one = LocalLabelPool(labels, Theory.parse("leps/none", program="ase"))
    yield one
    one.close()


def run(surface: Surface, suite: list[SuiteReaction], pool: LocalLabelPool | None = None, *, refine: bool = False) -> Findings:
    rng = np.random.default_rng(0)
    return check_suite(Subject(surface, "m", GOALS), suite, rng=rng, progress=NoProgress(), pool=pool, refine=refine)


def row(found: Findings, table: str = "barriers") -> dict[str, Cell]:
    (one,) = [t for t in found.tables if t.name == table]
    return dict(zip([column.name for column in one.columns], one.rows[0], strict=True))


@pytest.fixture(scope="module")
def refined(pool: LocalLabelPool) -> Findings:
    return run(Surface(stretched), [EXCHANGE], pool, refine=True)


def test_the_labeler_goes_from_the_model_s_saddle_to_its_own(refined: Findings) -> None:
    line, own = row(refined), row(refined, "refined_barriers")
    assert line["found"] == "a barrier" and own["refinement"] == "reached"
    assert BARRIER_KCAL < float(line["forward model"] or 0) < APART_KCAL, "the ends lie on a slope that hardly falls"
    assert line["forward reference"] == pytest.approx(line["forward model"], abs=CLOSE), (
        "the surface is the same, but for a scale"
    )
    assert abs(float(own["reference there"] or 0) - float(own["at its own saddle"] or 0)) > CLOSE, "a single point is no barrier"
    apart = (STRETCH - 1) * BOND * np.sqrt(2 / 3)  # two of three atoms move by as much
    assert own["saddles apart"] == pytest.approx(apart, abs=PLACE)
    (outcome,) = refined.outcomes
    assert outcome.verdict is Verdict.MET
    saddle = next(one for one in refined.geometries if one.key == "H + H2-refined").structure.positions
    assert np.linalg.norm(saddle[0] - saddle[1]) == pytest.approx(BOND, abs=PLACE)


def test_the_way_over_the_saddle_is_drawn_with_the_labeler_s_energies(refined: Findings) -> None:
    model, reference = (curve for curve in refined.curves if curve.figure == "path_H + H2")
    assert max(model.y) == pytest.approx(float(row(refined)["forward model"] or 0), abs=1e-6)
    assert list(model.x) == sorted(model.x) and reference.marks and len(reference.x) == 5
    assert max(reference.y) == pytest.approx(float(row(refined, "refined_barriers")["reference there"] or 0), abs=1e-6)
    images = [one for one in refined.geometries if one.kind == "path"]
    assert [one.key for one in images] == list(model.keys) and set(reference.keys) <= set(model.keys)


def test_a_potential_that_is_the_labeler_is_right() -> None:
    known = replace(EXCHANGE, forward=BARRIER_KCAL, reverse=BARRIER_KCAL)
    found = run(Surface(lambda x: np.asarray([leps(one)[0] for one in x])), [known])
    assert found.outcomes[0].verdict is Verdict.MET and abs(float(row(found)["largest error"] or 0)) < APART_KCAL - BARRIER_KCAL
    forward, reverse = (curve for curve in found.curves if curve.figure == "barrier_parity")
    assert (forward.name, reverse.name) == ("forward", "reverse") and forward.x == pytest.approx((BARRIER_KCAL,))


def test_a_saddle_of_higher_order_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three atoms in a row that would rather bend, in either plane, but are never moved off their line."""
    for name, value in (("LIMITS", replace(module.LIMITS, pushes=0)), ("JITTER", 0.0)):
        monkeypatch.setattr(module, name, value)

    def bending(x: np.ndarray) -> np.ndarray:
        sides = distance(x, 0, 1) + distance(x, 1, 2) - distance(x, 0, 2)
        return np.asarray([leps(one)[0] for one in x]) - 2.0 * sides

    row_of_three = SuiteReaction("H + H2", trio(0.75, 1.9, off=0.0), trio(1.9, 0.75, off=0.0))
    found = run(Surface(bending), [row_of_three])
    assert row(found)["found"] == "the stationary point found has 3 negative modes"
    assert found.outcomes[0].verdict is Verdict.NOT_TESTABLE and "3 negative modes" in found.outcomes[0].why


def test_without_references_a_barrier_is_found_and_not_judged() -> None:
    found = run(Surface(rotor), [SuiteReaction("rotor", hcch(WELLS[0]), hcch(WELLS[1]))])
    assert row(found)["forward model"] == pytest.approx(23.06, abs=0.05), "one electronvolt"
    assert found.outcomes[0].verdict is Verdict.NOT_TESTABLE and "no reference energy" in found.outcomes[0].why


def test_a_known_reaction_energy_alone_judges_no_barrier() -> None:
    found = run(Surface(rotor), [SuiteReaction("rotor", hcch(WELLS[0]), hcch(WELLS[1]), reaction=1.0)])
    assert row(found)["reaction reference"] == 1.0 and row(found)["largest error"] == pytest.approx(-1.0, abs=0.05)
    assert found.outcomes[0].verdict is Verdict.NOT_TESTABLE


@pytest.mark.parametrize(("height", "said"), [(0.0, "negative modes"), (np.nan, "no finite")])
def test_a_surface_that_is_flat_or_without_numbers_has_no_saddle(height: float, said: str) -> None:
    found = run(Surface(lambda x: np.full(len(x), height)), [SuiteReaction("flat", hcch(WELLS[0]), hcch(WELLS[1]))])
    assert said in str(row(found)["found"]) and found.outcomes[0].verdict is Verdict.NOT_TESTABLE


def test_ways_of_a_long_suite_are_not_all_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATHS", 1)
    many = [SuiteReaction(f"rotor {i}", hcch(WELLS[0]), hcch(WELLS[1])) for i in range(2)]
    figures = {curve.figure for curve in run(Surface(rotor), many).curves if curve.figure.startswith("path_")}
    assert figures == {"path_rotor 0"}
