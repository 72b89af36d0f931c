"""A valley with the bonds of neither end: three hydrogens where the outer two have met and the middle one has left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reactal.campaign.events import BatchChosen
from reactal.campaign.state import CampaignState
from reactal.chem import Structure
from reactal.exploration.descent import Descent
from reactal.exploration.neb import Band
from reactal.labeling.leps import leps
from reactal.stages.bench import Bench
from reactal.stages.ends import Ends
from reactal.stages.label import label
from reactal.stages.valley import deep_minima, find_valley, probe_valley
from reactal.units import KCAL_PER_MOL
from tests.exploration.surfaces import Surface
from tests.stages.geometries import PRODUCT, REACTANT, SADDLE, explored, pool_of, seeded

THIRD = Structure.from_symbols("HHH", [[0.0, 0.0, 0.0], [0.0, 2.4, 0.4], [0.0, 0.0, 0.8]], multiplicity=2)
"""Near the minimum whose bond joins the first atom and the last."""
ENDS = Ends(REACTANT, PRODUCT)


def leps_surface(*, doubt: float = 0.1) -> Surface:
    return Surface(lambda x: np.array([leps(one)[0] for one in x]), lambda x: np.full(len(x), doubt))


def band_of(*structures: Structure, doubt: float = 0.1) -> Band:
    positions = np.array([structure.positions for structure in structures])
    energies = np.array([leps(one)[0] for one in positions])
    top = int(energies[1:-1].argmax()) + 1
    return Band(
        positions=positions,
        energies=energies,
        spreads=np.full(len(positions), doubt),
        climbing_index=top,
        tangent=np.zeros_like(positions[0]),
        force_max=1.0,
        steps=1,
        converged=False,
        climbed=True,
        capped=False,
        limited=False,
    )


def through_the_third(*, doubt: float = 0.1) -> Band:
    first = Structure.from_symbols("HHH", [[0.0, 0.0, 0.0], [0.0, 1.0, 0.9], [0.0, 0.0, 1.6]], multiplicity=2)
    second = Structure.from_symbols("HHH", [[0.0, 0.0, 0.0], [0.0, 1.0, 0.7], [0.0, 0.0, 1.6]], multiplicity=2)
    return band_of(REACTANT, first, THIRD, second, PRODUCT, doubt=doubt)


def begun(bench: Bench) -> CampaignState:
    return CampaignState(seeded=seeded(bench), explored=explored("none", ends_ev=(leps(REACTANT.positions)[0], 0.0)))


def test_the_reference_relaxes_into_a_third_molecule(bench: Bench) -> None:
    probe, found = probe_valley(bench, begun(bench), THIRD, predicted_ev=0.5, steps=25)
    assert probe.intermediate
    assert probe.force_max is not None and probe.force_max <= bench.config.seeding.relax_force
    low, answer = found.best(0)
    assert probe.key == low.key
    assert answer.energy == pytest.approx(leps(low.positions)[0])
    assert probe.kcal == pytest.approx((answer.energy - leps(REACTANT.positions)[0]) / KCAL_PER_MOL)
    off = 0.5 - (leps(THIRD.positions)[0] - leps(REACTANT.positions)[0])
    assert probe.start_error_kcal == pytest.approx(off / KCAL_PER_MOL)
    assert found.asked == len(found.order) <= 25


def test_what_falls_back_into_an_end_is_no_intermediate(bench: Bench) -> None:
    uphill = Structure.from_symbols("HHH", [[0.0, 0.0, 0.0], [0.0, 0.0, 0.85], [0.0, 0.0, 2.1]], multiplicity=2)
    probe, _ = probe_valley(bench, begun(bench), uphill, predicted_ev=0.0, steps=25)
    assert not probe.intermediate


def test_what_is_not_relaxed_in_time_is_no_intermediate(bench: Bench) -> None:
    probe, found = probe_valley(bench, begun(bench), THIRD, predicted_ev=0.0, steps=2)
    assert not probe.intermediate
    assert found.asked == 2


def test_the_valley_of_the_band_is_relaxed_on_the_model(bench: Bench) -> None:
    valley = find_valley(bench, begun(bench), leps_surface(), through_the_third(), descents=(), ends=ENDS)
    assert valley is not None
    assert valley.through is None
    assert valley.kcal == pytest.approx((leps(THIRD.positions)[0] - leps(REACTANT.positions)[0]) / KCAL_PER_MOL)
    assert np.linalg.norm(leps(valley.structure.positions)[1], axis=1).max() <= 0.05 < np.abs(leps(THIRD.positions)[1]).max()


def test_where_the_committee_knows_nothing_the_image_itself_is_taken(bench: Bench) -> None:
    doubt = bench.config.exploration.saddle_cap + 0.1
    valley = find_valley(bench, begun(bench), leps_surface(doubt=doubt), through_the_third(), descents=(), ends=ENDS)
    assert valley is not None
    assert valley.structure.key == THIRD.key


def test_a_valley_of_a_runaway_is_none(bench: Bench) -> None:
    doubt = bench.config.exploration.band_cap + 0.1
    assert find_valley(bench, begun(bench), leps_surface(), through_the_third(doubt=doubt), descents=(), ends=ENDS) is None


def test_where_a_descent_ended_comes_before_a_dip_of_the_band(bench: Bench) -> None:
    way = Descent(
        positions=THIRD.positions + 0.01,
        energy=leps(REACTANT.positions)[0] + 0.5,
        force_max=0.01,
        disagreement=0.1,
        trajectory=THIRD.positions[None],
        bonds=frozenset(),
        arrived=True,
    )
    home = replace(way, positions=REACTANT.positions, energy=-99.0)
    valley = find_valley(bench, begun(bench), leps_surface(), through_the_third(), descents=(home, way), ends=ENDS)
    assert valley is not None
    assert np.array_equal(valley.structure.positions, way.positions)
    assert valley.kcal == pytest.approx(0.5 / KCAL_PER_MOL)


def test_a_dip_inside_an_end_is_no_valley(bench: Bench) -> None:
    squeezed, relaxed = (REACTANT.moved([[0, 0, 0], [0, 0, bond], [0, 0, 2.8]]) for bond in (0.6, 0.75))
    band = band_of(REACTANT, squeezed, relaxed, SADDLE, PRODUCT)
    assert deep_minima(band)
    assert find_valley(bench, begun(bench), leps_surface(), band, descents=(), ends=ENDS) is None


def test_a_path_through_a_known_intermediate_says_so(bench: Bench) -> None:
    state = begun(bench)
    batch = pool_of([REACTANT, THIRD], ["path", "valley"], arm=["active", "test"])
    pending = BatchChosen(iteration=1, batch=bench.pools.put(batch), batch_size=2, focus=False, dropped={}, probe=25)
    event = label(bench, replace(state, pending=pending))
    assert event.valley is not None and event.valley.intermediate
    known = replace(state, labelled=(event,))
    valley = find_valley(bench, known, leps_surface(), through_the_third(), descents=(), ends=ENDS)
    assert valley is not None
    assert valley.through == event.valley.key


def test_a_probe_is_counted_and_learnt_from(bench: Bench) -> None:
    batch = pool_of([SADDLE, THIRD], ["path", "valley"], arm=["active", "test"])
    pending = BatchChosen(iteration=1, batch=bench.pools.put(batch), batch_size=2, focus=False, dropped={}, probe=25)
    state = replace(begun(bench), pending=pending)
    event = label(bench, state)
    learnt = bench.dataset(event.dataset)
    visited = int((learnt.extra["role"] == "valley").sum())
    assert event.asked == 1 + visited == event.computed + event.reused
    assert event.rows == len(learnt) == 1 + visited
    assert THIRD.key in {learnt.structure(row).key for row in range(len(learnt))}
    again = label(bench, state)  # after a kill before the event was written
    assert (again.asked, again.computed, again.valley) == (event.asked, 0, event.valley)
