"""Hydrogen fluoride: as small as a closed shell with two elements is, and a committee that knows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reactal.chem import Structure
from reactal.density.model import DensityModel
from reactal.density.reference import ReferenceDensity, reference_density
from reactal.density.schooling import School
from reactal.density.settings import NetworkSpec, Schooling, TrainingPlan
from reactal.density.theory import DensityTheory

COARSE = DensityTheory(grid_level=0, fitting_ratio=2.4, fitting_angular=3)
PLAN = TrainingPlan(steps=160, batch=3, points=200, validate_every=40, rate=5e-3, ema=0.98)


def fluoride(length: float, seed: int = 0) -> Structure:
    """Two atoms `length` angstrom apart, turned somehow."""
    along = Rotation.random(random_state=np.random.default_rng(seed)).as_matrix()[0]
    return Structure((9, 1), np.outer([-0.5, 0.5], length * along))


def water() -> Structure:
    return Structure((8, 1, 1), np.asarray([[0.0, 0.0, 0.12], [0.05, 0.76, -0.47], [0.0, -0.78, -0.46]]))


@pytest.fixture(scope="session")
def fluorides() -> Sequence[ReferenceDensity]:
    return [reference_density(fluoride(length, seed), COARSE) for seed, length in enumerate(np.linspace(0.86, 1.02, 6))]


@pytest.fixture(scope="session")
def fluoride_model(fluorides: Sequence[ReferenceDensity]) -> DensityModel:
    return School(Schooling(NetworkSpec("atoms", "tiny"), PLAN, members=2, hold_out=0.3)).teach(fluorides).model


@pytest.fixture(scope="session")
def water_density() -> ReferenceDensity:
    return reference_density(water(), DensityTheory(grid_level=1))
