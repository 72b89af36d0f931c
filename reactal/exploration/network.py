"""Minima and the saddles between them, each once: a reaction network that grows from whatever geometries one has.

Geometries are relaxed and deduplicated (`species`). Pairs that differ by few bonds are joined by a path, each path's saddle is
found and followed down, and what lies at its feet is a minimum of the network, known or new. New ones are paired in the next
round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.exploration.bonds import changed
from reactal.exploration.irc import follow_ircs
from reactal.exploration.modes import frequencies, masses_of
from reactal.exploration.neb import BandSettings, relax_bands
from reactal.exploration.paths import align, geodesic_path
from reactal.exploration.relax_batch import Rest, relax_all
from reactal.exploration.routes import atom_mappings, require_usable
from reactal.exploration.saddle import SaddleLimits, SaddlePoint, find_saddles
from reactal.exploration.species import SAME, same_species, species_name
from reactal.potentials.base import Potential
from reactal.units import KCAL_PER_MOL

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Minimum", "NetworkSaddle", "NetworkSettings", "ReactionNetwork", "grow_network"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class NetworkSettings:
    """What is searched, and how much of it."""

    rounds: int = 2  # of pairing what the round before has found
    changes: int = 4  # bonds made and broken between two minima that are tried as a pair
    pairs: int = 24  # at most in a round, those with the fewest changes first
    images: int = 11
    band_steps: int = 100
    jitter: float = 0.05  # angstrom
    cap: float = float("inf")  # eV/angstrom of disagreement beyond which nothing is believed
    same: float = SAME  # angstrom, below which two geometries are one


@final
@dataclass(frozen=True, eq=False)
class Minimum:
    """A species. energy eV."""

    structure: Structure
    energy: float

    @property
    def name(self) -> str:
        return species_name(self.structure)


@final
@dataclass(frozen=True, eq=False)
class NetworkSaddle:
    """Between the minima `ends` (their numbers; twice the same where a molecule reacts to itself). imaginary: cm^-1, below 0."""

    structure: Structure
    energy: float
    ends: tuple[int, int]
    imaginary: float


@final
@dataclass(frozen=True)
class ReactionNetwork:
    """What was found, in the order in which it was. `tried`: pairs of minima between which a path was laid; `untried`: how many
    pairs the limits left out."""

    minima: tuple[Minimum, ...]
    saddles: tuple[NetworkSaddle, ...]
    tried: tuple[tuple[int, int], ...]
    untried: int = 0
    notes: tuple[str, ...] = field(default=())

    def graph(self) -> nx.MultiGraph[int]:
        """Minima as nodes, saddles as edges; energies in kcal/mol above the lowest minimum, as in `as_json`."""
        import networkx as nx

        graph: nx.MultiGraph[int] = nx.MultiGraph()
        floor = min((one.energy for one in self.minima), default=0.0)
        for i, one in enumerate(self.minima):
            graph.add_node(i, name=one.name, energy_kcal=(one.energy - floor) / KCAL_PER_MOL)
        for i, top in enumerate(self.saddles):
            kcal = (top.energy - floor) / KCAL_PER_MOL
            graph.add_edge(*top.ends, saddle=i, energy_kcal=kcal, imaginary_cm=top.imaginary)
        return graph

    def as_json(self) -> dict[str, Any]:
        """In networkx's node-link form, with what was tried."""
        import networkx as nx

        linked: dict[str, Any] = nx.node_link_data(self.graph(), edges="links")
        return {**linked, "tried": [list(pair) for pair in self.tried], "untried": self.untried, "notes": list(self.notes)}


def grow_network(
    potential: Potential,
    geometries: Sequence[Structure],
    *,
    settings: NetworkSettings | None = None,
    rng: np.random.Generator,
) -> ReactionNetwork:
    """The network around these geometries, all of one composition or of several."""
    growing = _Growing(potential, settings or NetworkSettings(), rng)
    require_usable(potential, geometries)
    growing.settle(relax_all(potential, geometries))
    for _ in range(growing.settings.rounds):
        pairs = growing.next_pairs()
        if not pairs:
            break
        growing.join(pairs)
    return growing.network()


@final
class _Growing:
    """One `grow_network`."""

    def __init__(self, potential: Potential, settings: NetworkSettings, rng: np.random.Generator) -> None:
        self.settings = settings
        self._potential, self._rng = potential, rng
        self._minima: list[Minimum] = []
        self._saddles: list[NetworkSaddle] = []
        self._tried: list[tuple[int, int]] = []
        self._untried = 0
        self._lost = 0

    def network(self) -> ReactionNetwork:
        notes = (f"{self._lost} relaxations did not converge and were left out",) if self._lost else ()
        return ReactionNetwork(tuple(self._minima), tuple(self._saddles), tuple(self._tried), self._untried, notes)

    def settle(self, rests: Sequence[Rest]) -> list[int | None]:
        """The number of each minimum, old or new; None for what is no minimum or not believed."""
        out: list[int | None] = []
        for rest in rests:
            if not rest.converged or rest.disagreement > self.settings.cap:
                self._lost += 1
                out.append(None)
                continue
            known = (i for i, one in enumerate(self._minima) if self._same(one.structure, rest.structure))
            number = next(known, len(self._minima))
            if number == len(self._minima):
                self._minima.append(Minimum(rest.structure, rest.energy))
            out.append(number)
        return out

    def next_pairs(self) -> list[tuple[int, int]]:
        """Untried pairs of one composition, the fewest bond changes first, and a turn to oneself last."""
        found = []
        for i, j in combinations(range(len(self._minima)), 2):
            one, other = self._minima[i].structure, self._minima[j].structure
            if (i, j) in self._tried or _composition(one) != _composition(other):
                continue
            change = changed(one, self._mapped(one, other))
            count = len(change.formed) + len(change.broken)
            if count <= self.settings.changes:
                found.append((count, i, j))
        self._untried = max(0, len(found) - self.settings.pairs)
        return [(i, j) for _, i, j in sorted(found)[: self.settings.pairs]]

    def join(self, pairs: Sequence[tuple[int, int]]) -> None:
        """A path for each pair, its saddle, both ways down from it, and the minima at their feet: all pairs in one batch."""
        self._tried += pairs
        rule = self.settings
        paths = []
        for i, j in pairs:
            start = self._minima[i].structure
            end = align(self._mapped(start, self._minima[j].structure), start)
            paths.append((start, geodesic_path(start, end, images=rule.images, rng=self._rng, jitter=rule.jitter)))
        free = BandSettings(force_max=0.1, cap=rule.cap, move=float("inf"))
        bands = relax_bands(self._potential, paths, settings=free, max_steps=rule.band_steps)
        limits = SaddleLimits(energy=2.0, disagreement=rule.cap)
        starts = [(t, band.climbing, band.tangent) for (t, _), band in zip(paths, bands, strict=True) if band.climbed]
        found = find_saddles(self._potential, starts, limits=limits)
        self._keep([(t, saddle) for (t, _, _), saddle in zip(starts, found, strict=True) if saddle.first_order])

    def _keep(self, saddles: Sequence[tuple[Structure, SaddlePoint]]) -> None:
        fresh: list[tuple[Structure, SaddlePoint]] = []
        for template, saddle in saddles:
            here = template.moved(saddle.positions)
            others = [(one.structure, one.energy) for one in self._saddles]
            others += [(t.moved(s.positions), s.energy) for t, s in fresh]
            if not any(abs(energy - saddle.energy) < 0.02 and self._same(one, here) for one, energy in others):
                fresh.append((template, saddle))
        sides = follow_ircs(self._potential, fresh)
        feet = [template.moved(side.end) for (template, _), both in zip(fresh, sides, strict=True) for side in both]
        ends = self.settle(relax_all(self._potential, feet))
        for at, (template, saddle) in enumerate(fresh):
            first, last = ends[2 * at], ends[2 * at + 1]
            if first is None or last is None:
                continue
            wave = frequencies(saddle.hessian, saddle.positions, masses_of(template.numbers))
            place = template.moved(saddle.positions)
            self._saddles.append(NetworkSaddle(place, saddle.energy, (min(first, last), max(first, last)), float(wave[0])))

    def _mapped(self, one: Structure, other: Structure) -> Structure:
        """The other one's atoms in the order of the first that changes the fewest bonds."""
        other = _in_order(one, other)
        orders = atom_mappings(one, other, limit=1)
        moved = [other.moved(other.positions[list(order)]) for order in orders]
        return min(moved, key=lambda place: _changes(one, place))

    def _same(self, one: Structure, other: Structure) -> bool:
        return same_species(one, other, tolerance=self.settings.same)


def _changes(one: Structure, other: Structure) -> int:
    change = changed(one, other)
    return len(change.formed) + len(change.broken)


def _in_order(one: Structure, other: Structure) -> Structure:
    """With the same list of elements, whatever file it came from."""
    from reactal.exploration.mapping import atom_mapping_hint

    if one.numbers == other.numbers:
        return other
    order = atom_mapping_hint(one, other)
    assert order is not None, "only minima of one composition are paired"
    return Structure(one.numbers, other.positions[list(order)], other.charge, other.multiplicity)


def _composition(one: Structure) -> tuple[tuple[int, ...], int, int]:
    return tuple(sorted(one.numbers)), one.charge, one.multiplicity
