"""A network from the two ends of a known reaction: each species once, the saddle between them, and the graph that is written."""

from __future__ import annotations

import json

import networkx as nx
import numpy as np
import pytest

from reactal.chem import Structure
from reactal.errors import UnusablePotential
from reactal.exploration.network import NetworkSettings, grow_network
from reactal.potentials.xtb import XtbPotential
from tests.exploration.reactions import hydrogen_cyanide
from tests.exploration.surfaces import Surface, leps

XTB_BARRIER = 73.2  # kcal/mol, HCN to HNC on GFN2-xTB
CYANIDE, ISOCYANIDE = hydrogen_cyanide()


def other_way_round(structure: Structure) -> Structure:
    """The same molecule from another file: its atoms in another order, elsewhere."""
    order = [2, 0, 1]
    return Structure(tuple(structure.numbers[i] for i in order), structure.positions[order] @ np.eye(3)[[1, 2, 0]] + 1.0)


def test_known_saddle_joins_the_two_species_however_often_they_are_given() -> None:
    given = [CYANIDE, other_way_round(CYANIDE), ISOCYANIDE, other_way_round(ISOCYANIDE)]
    found = grow_network(XtbPotential(), given, settings=NetworkSettings(rounds=2, images=9), rng=np.random.default_rng(0))
    assert len(found.minima) == 2
    assert len(found.saddles) == 1
    saddle = found.saddles[0]
    assert saddle.ends == (0, 1)
    assert (saddle.energy - found.minima[0].energy) * 23.0605 == pytest.approx(XTB_BARRIER, abs=0.3)
    assert saddle.imaginary < -500
    assert found.tried == ((0, 1),)
    graph = nx.node_link_graph(json.loads(json.dumps(found.as_json())), edges="links")
    assert sorted(graph.nodes[0]) == ["energy_kcal", "name"]
    assert min(graph.nodes[i]["energy_kcal"] for i in graph) == 0.0
    (edge,) = graph.edges(data=True)
    assert edge[2]["energy_kcal"] == pytest.approx(XTB_BARRIER, abs=0.3)


def test_pairs_beyond_the_limits_are_counted() -> None:
    none = NetworkSettings(changes=0, images=9)
    found = grow_network(XtbPotential(), [CYANIDE, ISOCYANIDE], settings=none, rng=np.random.default_rng(0))
    assert (len(found.minima), found.tried, found.saddles) == (2, (), ())


def test_model_without_numbers_is_refused() -> None:
    trio = Structure((1, 1, 1), [[0, 0, 0], [0.8, 0, 0], [2.4, 0, 0]], charge=1)
    with pytest.raises(UnusablePotential, match="no finite"):
        grow_network(Surface(lambda x: np.nan * leps(x)), [trio], rng=np.random.default_rng(0))
