"""Routes: the lowest first, other atoms' mappings among them, split where a valley lies between, refused where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.errors import MismatchedEnds, UnusablePotential
from reactal.exploration.neb import BandSettings, relax_band
from reactal.exploration.paths import align, geodesic_path
from reactal.exploration.routes import RouteSettings, atom_mappings, find_routes
from reactal.exploration.string import relax_strings
from tests.exploration.reactions import vinyl_alcohol
from tests.exploration.surfaces import WELLS, Surface, distance, h3, hcch, leps, leps_saddle, rotor

BARRIER = 0.005  # eV
FEW = RouteSettings(images=7, tries=1, mappings=1)
REACTANT = h3(0.742, 2.6, bend=0.1)
PRODUCT = align(h3(2.6, 0.742, bend=0.1), REACTANT)


def tethered_leps(x: np.ndarray) -> np.ndarray:
    """Hydrogen exchange whose free atom is held at some three angstrom, so that both ends are minima."""
    ends = distance(x, 0, 2)
    return leps(x) + 0.02 * np.maximum(0.0, ends - 3.3) ** 2


def test_routes_of_hydrogen_exchange_have_its_barrier() -> None:
    surface = Surface(tethered_leps)
    routes = find_routes(surface, REACTANT, PRODUCT, settings=FEW, rng=np.random.default_rng(0))
    assert len(routes) == 3  # geodesic, IDPP, another mapping
    lowest = routes[0]
    assert lowest.whole
    assert [route.whole for route in routes] == sorted((route.whole for route in routes), reverse=True)
    start = float(tethered_leps(lowest.legs[0].start.positions[None])[0])
    assert lowest.barrier == pytest.approx(leps_saddle()[1] - start, abs=BARRIER)
    assert lowest.legs[0].saddle.first_order


def test_string_finds_the_barrier_of_the_band() -> None:
    path = geodesic_path(REACTANT, PRODUCT, images=11, rng=np.random.default_rng(0))
    settings = BandSettings(force_max=0.05, move=3.0)
    band = relax_band(Surface(leps), REACTANT, path, settings=settings)
    string = relax_strings(Surface(leps), [(REACTANT, path)], settings=settings, max_steps=300)[0]
    assert string.converged
    assert string.energies.max() <= band.energies.max() + BARRIER  # no image climbs on a string
    assert string.energies.max() == pytest.approx(band.energies.max(), abs=0.05)
    gaps = np.linalg.norm(np.diff(string.positions, axis=0), axis=(1, 2))
    assert gaps == pytest.approx(gaps.mean(), rel=0.1)


def three_wells(x: np.ndarray) -> np.ndarray:
    """The rotor with a third well in the middle of its hill."""
    middle = sum(WELLS) / 2
    return rotor(x) - 0.7 * np.exp(-(((distance(x, 1, 2) - middle) / 0.1) ** 2))


def test_path_through_a_valley_is_split_there() -> None:
    surface = Surface(three_wells)
    routes = find_routes(
        surface, hcch(WELLS[0]), hcch(WELLS[1]), settings=RouteSettings(images=15, tries=1, idpp=False, mappings=0),
        rng=np.random.default_rng(0),
    )  # fmt: skip
    lowest = routes[0]
    assert len(lowest.legs) == 2
    between = lowest.legs[0].end
    assert np.linalg.norm(between.positions[2] - between.positions[1]) == pytest.approx(sum(WELLS) / 2, abs=0.02)
    for leg in lowest.legs:
        assert leg.saddle.first_order


def test_mappings_keep_elements_and_begin_with_the_one_given() -> None:
    alcohol, aldehyde = vinyl_alcohol()
    orders = atom_mappings(alcohol, aldehyde, limit=4)
    assert orders[0] == tuple(range(7))
    assert len(set(orders)) == len(orders) == 5
    for order in orders:
        assert tuple(aldehyde.numbers[i] for i in order) == aldehyde.numbers


def test_ends_that_are_one_minimum_are_refused() -> None:
    close = REACTANT.moved(REACTANT.positions + 0.01 * np.eye(3))
    with pytest.raises(MismatchedEnds, match="same minimum"):
        find_routes(Surface(tethered_leps), REACTANT, close, settings=FEW, rng=np.random.default_rng(0))


def test_end_that_is_no_minimum_is_refused() -> None:
    apart = Structure((1, 1, 1), [[0, 0, 0], [1.2, 0, 0.1], [2.3, 0, 0]], charge=1)
    with pytest.raises(MismatchedEnds, match="no minimum of the model"):
        find_routes(Surface(tethered_leps), apart, PRODUCT, settings=FEW, rng=np.random.default_rng(0))


@pytest.mark.parametrize(("factor", "word"), [(np.nan, "no finite"), (0.0, "constant")])
def test_model_that_says_nothing_is_refused(factor: float, word: str) -> None:
    with pytest.raises(UnusablePotential, match=word):
        find_routes(Surface(lambda x: factor * leps(x)), REACTANT, PRODUCT, settings=FEW, rng=np.random.default_rng(0))
