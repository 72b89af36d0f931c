"""Errors that are known because they were put in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.config import defaults
from reactal.potentials.base import Prediction
from reactal.sections import Goals
from reactal.validation.accuracy import Comparison, by_element, by_group, overall
from reactal.validation.base import Verdict
from reactal.validation.consistency import along_lines, along_path, consistency_table
from reactal.validation.reliability import coverage_table, rank_correlation, reliability_curves
from reactal.validation.verdicts import accuracy_outcomes, barrier_outcome, coverage_outcome, stability_outcome
from tests.exploration.surfaces import Surface, leps

GOALS = Goals.model_validate(defaults()["validation"])
FINITE_DIFFERENCE = 1e-5  # eV/angstrom
H2, CH4 = (1, 1), (6, 1, 1, 1, 1)


def labelled(rng: np.random.Generator, count: int = 6) -> Frames:
    """Molecules of two kinds in turn, with random labels."""
    hydrogen = Structure(H2, np.asarray([[0, 0, 0], [0, 0, 0.74]]))
    methane = Structure(CH4, np.asarray([[0, 0, 0], [1, 1, 1], [-1, -1, 1], [1, -1, -1], [-1, 1, -1]]) * 0.63)
    frames = Frames.of([(hydrogen, methane)[i % 2] for i in range(count)])
    return replace(frames, energy=rng.normal(size=count), forces=rng.normal(size=frames.forces.shape))


def told(frames: Frames, *, shift: float = 0.0, wrong: np.ndarray | None = None) -> Prediction:
    force = frames.forces if wrong is None else frames.forces + wrong
    zeros = np.zeros(len(frames)), np.zeros(len(frames.numbers))
    return Prediction(frames.energy + shift * frames.sizes, force, *zeros)


def test_errors_are_those_that_were_put_in() -> None:
    frames = labelled(np.random.default_rng(0))
    wrong = np.zeros_like(frames.forces)
    wrong[frames.numbers == 6, 0] = 0.5
    found = Comparison(frames, told(frames, shift=0.01, wrong=wrong))
    errors = found.errors()
    assert (errors.energy_mae, errors.energy_max) == (pytest.approx(0.01), pytest.approx(0.01))
    share = float((frames.numbers == 6).mean())
    assert errors.force_mae == pytest.approx(0.5 * share / 3)
    assert errors.force_rmse == pytest.approx(0.5 * np.sqrt(share / 3)) and errors.force_max == pytest.approx(0.5)
    elements = by_element(found)
    assert elements.column("element") == ("H", "C")
    assert elements.column("force MAE") == (pytest.approx(0.0), pytest.approx(500 / 3))


def test_a_zero_of_energy_of_its_own_is_no_error_where_that_is_said() -> None:
    frames = labelled(np.random.default_rng(1))
    shifted = told(frames, shift=0.7)  # another constant for each composition
    assert Comparison(frames, shifted).errors().energy_mae == pytest.approx(0.7)
    assert Comparison(frames, shifted, relative=True).errors().energy_mae == pytest.approx(0.0, abs=1e-12)
    assert "median" in overall(Comparison(frames, shifted, relative=True)).note


def test_groups_share_out_the_structures() -> None:
    frames = labelled(np.random.default_rng(2), count=9)
    words = np.asarray(["b", "a", "c"] * 3)
    table = by_group(Comparison(frames, told(frames)), words, name="n", title="t", heading="h")
    assert table.column("h") == ("b", "a", "c") and table.column("structures") == (3, 3, 3)


def test_direction_of_forces() -> None:
    frames = labelled(np.random.default_rng(3))
    along = Comparison(frames, told(frames)).errors()
    against = Comparison(frames, told(frames, wrong=-2 * frames.forces)).errors()
    assert (along.cosine, against.cosine) == (pytest.approx(1), pytest.approx(-1))
    assert (along.correlation, against.correlation) == (pytest.approx(1), pytest.approx(-1))


def test_goals_are_judged_with_their_reasons() -> None:
    frames = labelled(np.random.default_rng(4), count=12)
    regions = np.asarray(["strained"] * 6 + ["reactant basin"] * 6)
    good = accuracy_outcomes(Comparison(frames, told(frames, shift=0.001)), regions, GOALS, unseen=True)
    assert [outcome.verdict for outcome in good] == [Verdict.MET] * 4
    bad = accuracy_outcomes(Comparison(frames, told(frames, shift=0.01)), regions[:0], GOALS, unseen=True)[0]
    assert bad.verdict is Verdict.NOT_MET and bad.value == pytest.approx(10) and "not trained on" in bad.why
    few = accuracy_outcomes(Comparison(frames[:2], told(frames[:2])), None, GOALS, unseen=True)
    assert {outcome.verdict for outcome in few} == {Verdict.NOT_TESTABLE}
    assert coverage_outcome(7, 10, promised=0.9, goals=GOALS).verdict is Verdict.NOT_MET
    assert coverage_outcome(8, 10, promised=0.9, goals=GOALS).verdict is Verdict.MET
    assert coverage_outcome(0, 0, promised=None, goals=GOALS).verdict is Verdict.NOT_TESTABLE
    assert barrier_outcome([("a", 0.2), ("b", -1.3)], ["c: no saddle"], GOALS).value == pytest.approx(1.3)
    assert barrier_outcome([], ["c: no saddle"], GOALS).why == "c: no saddle"
    assert stability_outcome([500.0] * 9 + [3.0], GOALS, ran_fs=500.0, endings="").verdict is Verdict.MET
    assert stability_outcome([500.0] * 8 + [3.0] * 2, GOALS, ran_fs=500.0, endings="").verdict is Verdict.NOT_MET
    assert stability_outcome([100.0], GOALS, ran_fs=100.0, endings="").verdict is Verdict.NOT_TESTABLE


def test_forces_are_the_slope_of_the_energy_or_are_found_out() -> None:
    rng = np.random.default_rng(5)
    places = np.asarray([[0, 0, 0], [0, 0, 0.9], [0, 0, 2.0]]) + rng.normal(0, 0.05, (8, 3, 3))
    frames = Frames.repeat(Structure((1, 1, 1), places[0], multiplicity=2), places)
    honest = Surface(leps)
    assert along_lines(honest, frames, rng=rng).error_max < FINITE_DIFFERENCE

    class Crooked:
        def predict(self, frames: Frames) -> Prediction:
            said = honest.predict(frames)
            return replace(said, forces=1.1 * said.forces)

    assert along_lines(Crooked(), frames, rng=rng).error_rms > 0.01
    assert along_lines(honest, frames, rng=rng).correlation is None, "nothing is known of these structures"
    forces = honest.predict(frames).forces
    labelled = [replace(frames, forces=f, energy=np.zeros(8)) for f in (2 * forces, -forces)]
    along, against = (along_lines(honest, one, rng=rng) for one in labelled)
    assert (along.correlation, against.correlation) == (pytest.approx(1.0), pytest.approx(-1.0))
    assert consistency_table(along).column("correlation with reference") == (pytest.approx(1.0),)
    line = places[0] + np.linspace(0, 0.1, 200)[:, None, None] * np.asarray([[0, 0, 1.0], [0, 0, 0], [0, 0, 0]])
    said = honest.predict(Frames.repeat(frames.structure(0), line))
    assert along_path(line, said.energy, said.forces.reshape(line.shape)) < 1e-6
    assert along_path(line, said.energy, 1.1 * said.forces.reshape(line.shape)) > 1e-3


def test_doubt_is_held_against_error() -> None:
    rng = np.random.default_rng(6)
    doubt = rng.uniform(0.1, 1.0, 400)
    error = doubt * np.abs(rng.normal(size=400))
    assert rank_correlation(doubt, 3 * doubt) == pytest.approx(1) and rank_correlation(doubt, error) > 0.3
    assert np.isnan(rank_correlation(np.ones(5), np.arange(5.0)))
    points, binned = reliability_curves(doubt, error)
    assert len(points.x) == 400 and len(binned.x) == 8 and list(binned.x) == sorted(binned.x)
    np.testing.assert_allclose(binned.y, binned.x, rtol=0.3)
    table = coverage_table(error / doubt)
    for level, seen in zip(table.column("promised"), table.column("observed"), strict=True):
        assert abs(float(seen or 0) - float(level or 0)) < 0.06
