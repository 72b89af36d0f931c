"""Frequencies of potentials whose answers are known, through both ways to a Hessian."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.config import defaults
from reactal.potentials.curvature import central_hessian, curvature
from reactal.sections import Goals
from reactal.stages.check_vibrations import check_vibrations, point_of
from reactal.stages.stiffness_errors import labels_near
from reactal.units import AMU_ANGSTROM2_PER_FS2
from reactal.validation.base import Verdict
from reactal.validation.thermochemistry import StationaryPoint
from reactal.validation.vibrations import Pair, frequency_table
from tests.exploration.surfaces import Surface, h3, leps, leps_saddle, morse_pair

GOALS = Goals.model_validate(defaults()["validation"])
HYDROGEN = 1.00782503  # u
WAVENUMBER = 1e15 / 2.99792458e10 / (2 * np.pi)  # cm^-1 of one radian per femtosecond
STRETCH = 0.5  # cm^-1, anharmonicity over a finite step


def test_a_morse_oscillator_has_its_frequency() -> None:
    """k = 2 D a^2 of `morse_pair`, reduced mass of two hydrogens."""
    pair = Structure((1, 1), np.asarray([[0, 0, 0], [0.3, 0.1, 0.74]]) * 0.74 / np.linalg.norm([0.3, 0.1, 0.74]))
    expected = np.sqrt(2 * 4.5 * 1.9**2 / (HYDROGEN / 2) / AMU_ANGSTROM2_PER_FS2) * WAVENUMBER
    found = point_of(pair, 0.0, central_hessian(Surface(morse_pair), pair, step=2e-3))
    assert found.wavenumbers == pytest.approx([expected], abs=STRETCH)


def test_a_saddle_has_one_imaginary_mode_along_the_reaction() -> None:
    r, energy = leps_saddle()
    saddle = h3(r, r)
    point = point_of(saddle, energy, central_hessian(Surface(leps), saddle, step=1e-3))
    assert (point.wavenumbers < 0).sum() == 1 and point.imaginary < -500
    along = point.modes[0].reshape(3, 3)
    assert abs(along[:, 0]).max() > 0.3 and np.abs(along[:, 1:]).max() < 1e-3, "the atoms move on their line"
    assert Pair("saddle", point, point).overlap == pytest.approx(1)
    assert Pair("saddle", point, point).errors == pytest.approx([0] * 4)


def test_modes_of_one_frequency_may_be_mixed_at_will() -> None:
    """Two degenerate modes turned by an angle are the same modes; a third is not."""
    modes, angle = np.eye(9)[:3], 0.7
    turned = np.asarray([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]]) @ modes
    one, other = (StationaryPoint(h3(0.9, 0.9), 0.0, np.asarray([500.0, 500.2, 900.0]), m) for m in (modes, turned))
    table = frequency_table([Pair("point", one, other)])
    assert table.column("best overlap") == pytest.approx((1.0, 1.0, 1.0))
    apart = StationaryPoint(h3(0.9, 0.9), 0.0, np.asarray([500.0, 600.0, 900.0]), turned)
    mixed = frequency_table([Pair("point", one, apart)]).column("best overlap")
    assert mixed == pytest.approx((np.cos(angle), np.cos(angle), 1.0))


def test_points_without_a_reference_are_said_to_have_none() -> None:
    r, _ = leps_saddle()
    points = [("reactant", h3(0.742, 2.5)), ("saddle", h3(r, r)), ("product", h3(2.5, 0.742))]
    surface = Surface(leps)
    alone = check_vibrations(surface, points, GOALS)
    assert alone.outcomes[0].verdict is Verdict.NOT_TESTABLE and "--label" in alone.outcomes[0].why
    table = next(table for table in alone.tables if table.name == "rates")
    assert set(table.column("direction")) == {"forward", "reverse"}
    assert all(float(eckart or 0) > 1 for eckart in table.column("Eckart"))
    energies = surface.predict(Frames.of([structure for _, structure in points])).energy
    same = [point_of(s, float(e), curvature(surface, s)) for (_, s), e in zip(points, energies, strict=True)]
    judged = check_vibrations(surface, points, GOALS, labelled=[*same[:2], "the third failed"]).outcomes[0]
    assert judged.verdict is Verdict.MET and judged.value == pytest.approx(0)


def test_errors_of_frequencies_are_explained() -> None:
    """A surface that is a tenth too stiff, and of whose labels two lie near the minimum."""
    pair = Structure((1, 1), np.asarray([[0, 0, 0], [0, 0, 0.74]]))
    soft, stiff = Surface(morse_pair), Surface(lambda x: 1.21 * morse_pair(x))
    there = point_of(pair, 0.0, curvature(soft, pair))
    near = [pair.moved(pair.positions * factor) for factor in (0.95, 1.0, 1.6)]
    found = check_vibrations(stiff, [("minimum", pair)], GOALS, labelled=[there], training=Frames.of(near)).outcomes[0]
    assert found.value == pytest.approx(0.1 * there.wavenumbers[0], rel=1e-3) and found.verdict is Verdict.NOT_MET
    where, arithmetic, labels = found.evidence
    assert "worst is mode 1 of the minimum" in where and "differences over another step" in arithmetic
    assert labels == "of the labels it was trained on, within 0.1 Å lie 2 of the minimum"
    assert labels_near(Frames.of([Structure((2,), np.zeros((1, 3)))]), pair) == 0
