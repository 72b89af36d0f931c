"""What every density network owes: turning, order, elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from reactal.chem import Structure
from reactal.density.coupling import SphericalProduct, harmonics
from reactal.density.guard import Guard
from reactal.density.layout import Layout
from reactal.density.lessons import Geometry
from reactal.density.model import DensityModel
from reactal.density.network import build_network
from reactal.density.oneshot import Stage
from reactal.density.room import NotEnoughMemory
from reactal.density.settings import NetworkSpec
from reactal.density.theory import DensityTheory
from reactal.errors import ConfigError, UnknownElement
from reactal.units import BOHR
from tests.density.conftest import COARSE, water

EXACT = 2e-4  # of the largest value of a density: single precision
TURN = Rotation.from_euler("xyz", [0.4, 1.1, -0.7]).as_matrix()


def built(kind: str, theory: DensityTheory = COARSE) -> Any:
    spec = NetworkSpec(kind, "tiny", elements=(1, 8))  # type: ignore[arg-type]
    network = build_network(spec, Layout(spec.elements, theory), seed=1)
    if kind != "atoms":
        torch.nn.init.normal_(network.last.weight, generator=torch.Generator().manual_seed(2))  # fields begin with nothing
    return spec, network


def on_points(network: Any, spec: NetworkSpec, structure: Structure, points: np.ndarray) -> np.ndarray:
    """A predicted density at points (P, 3) in bohr about the centroid."""
    model = DensityModel(COARSE, spec, (network,), Guard.of([water()]), {})
    stage = Stage(structure, COARSE)
    if (said := network.coefficients([Geometry.of(structure)])) is None:
        with torch.no_grad():
            return network.values(Geometry.of(structure), torch.tensor(points, dtype=torch.float32)).numpy()
    del said
    centre = structure.positions.mean(axis=0) / BOHR
    return stage.coulomb.functions.eval_gto("GTOval_sph", points + centre) @ model.predict(stage).coefficients


@pytest.mark.parametrize("kind", ["atoms", "points"])
@pytest.mark.parametrize("mirrored", [False, True], ids=["turned", "mirrored"])
def test_turning_the_molecule_turns_the_density(kind: str, mirrored: bool) -> None:
    spec, network = built(kind)
    turn = TURN @ np.diag([1.0, 1.0, -1.0]) if mirrored else TURN
    points = np.random.default_rng(0).normal(0.0, 2.0, (60, 3))
    here = on_points(network, spec, water(), points)
    there = on_points(network, spec, water().moved(water().positions @ turn.T), points @ turn.T)
    assert np.abs(here).max() > 0
    np.testing.assert_allclose(there, here, atol=EXACT * np.abs(here).max())


@pytest.mark.parametrize("kind", ["atoms", "points", "unet", "combined"])
def test_the_order_of_atoms_does_not_matter(kind: str) -> None:
    spec, network = built(kind)
    order = [2, 0, 1]
    mixed = Structure(tuple(water().numbers[i] for i in order), water().positions[order])
    points = np.random.default_rng(0).normal(0.0, 2.0, (40, 3))
    here, there = (on_points(network, spec, structure, points) for structure in (water(), mixed))
    np.testing.assert_allclose(there, here, atol=EXACT * np.abs(here).max())


def test_products_turn_as_their_factors() -> None:
    directions = torch.nn.functional.normalize(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    turned = directions @ torch.tensor(TURN, dtype=torch.float32).T
    product, around = SphericalProduct(3), harmonics(3).float()
    here, there = (product(around(d)[:, :, None], around(d.flip(0))[:, :, None]) for d in (directions, turned))
    for degree in range(4):
        part = slice(degree**2, (degree + 1) ** 2)
        torch.testing.assert_close(here[:, part].norm(dim=1), there[:, part].norm(dim=1), atol=1e-4, rtol=1e-4)
        assert here[:, part].abs().max() > 1e-3


def test_an_element_that_was_not_trained_on_is_named() -> None:
    _, network = built("atoms")
    with pytest.raises(UnknownElement, match=r"not trained on N; it knows H, O"):
        network.coefficients([Geometry(torch.tensor([7, 1]), torch.zeros(2, 3))])


def test_a_mesh_that_does_not_fit_is_refused() -> None:
    _, network = built("unet")
    far = Geometry(torch.tensor([8, 1]), torch.tensor([[0.0, 0, 0], [400.0, 400.0, 400.0]]))
    with pytest.raises(NotEnoughMemory, match="use the kind atoms"):
        network.values(far, torch.zeros(1, 3))


@pytest.mark.parametrize(("field", "value"), [("kind", "transformer"), ("size", "giant")])
def test_names_that_are_none_are_refused_with_those_there_are(field: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{value}.*write one of"):
        NetworkSpec(**{field: value})
