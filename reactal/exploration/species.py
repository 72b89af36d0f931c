"""When two geometries are the same molecule, whatever the order of their atoms and wherever they lie.

Compared are the bond graphs, element by element, and then the distances inside each fragment under every way to lay one graph on
the other. How fragments lie to each other is not asked: a complex and its parts far apart are one species. Mirror images, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.chem.elements import formula
from reactal.exploration.bonds import bonds, fragments

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["SAME", "bond_graph", "matchings", "same_species", "shape_distance", "species_name"]

Floats = NDArray[np.float64]

SAME = 0.1
"""Angstrom, root mean square over the distances inside fragments, below which two geometries are one."""

_MATCHINGS = 720  # of one graph on another that are tried


def bond_graph(structure: Structure) -> nx.Graph[int]:
    """Atoms as nodes with their `element`, bonds as edges."""
    import networkx as nx

    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from((i, {"element": number}) for i, number in enumerate(structure.numbers))
    graph.add_edges_from(bonds(structure))
    return graph


def matchings(first: Structure, second: Structure) -> Iterator[tuple[int, ...]]:
    """Permutations p that lay one bond graph on the other: atom p[i] of the second is atom i of the first. At most 720."""
    from networkx.algorithms.isomorphism import GraphMatcher, categorical_node_match

    search = GraphMatcher(bond_graph(first), bond_graph(second), node_match=categorical_node_match("element", 0))
    for found in islice(search.isomorphisms_iter(), _MATCHINGS):
        yield tuple(found[i] for i in range(len(first)))


def shape_distance(first: Structure, second: Structure) -> float:
    """Root mean square difference of the distances inside fragments, angstrom, at the best matching; infinite without one."""
    if sorted(first.numbers) != sorted(second.numbers):
        return float("inf")
    inside = _inside(first)
    if not inside.any():
        return 0.0 if next(matchings(first, second), None) is not None else float("inf")
    ours, theirs = _distances(first), _distances(second)
    off = [float(np.sqrt(((ours - theirs[np.ix_(p, p)])[inside] ** 2).mean())) for p in matchings(first, second)]
    return min(off, default=float("inf"))


def same_species(first: Structure, second: Structure, *, tolerance: float = SAME) -> bool:
    """Same atoms, charge, multiplicity, bonds and shape."""
    alike = (first.charge, first.multiplicity) == (second.charge, second.multiplicity)
    return alike and shape_distance(first, second) < tolerance


def species_name(structure: Structure) -> str:
    """The fragments' formulas: `C2H2 + H2`."""
    parts = [sorted(part) for part in fragments(structure)]
    return " + ".join(
        sorted((formula(tuple(structure.numbers[i] for i in part)) for part in parts), key=lambda name: (-len(name), name))
    )


def _distances(structure: Structure) -> Floats:
    return np.asarray(np.linalg.norm(structure.positions[:, None] - structure.positions[None], axis=-1))


def _inside(structure: Structure) -> NDArray[np.bool_]:
    """Pairs (N, N), i < j, of one fragment."""
    together = np.zeros((len(structure), len(structure)), dtype=bool)
    for part in fragments(structure):
        together[np.ix_(sorted(part), sorted(part))] = True
    return np.triu(together, 1)
