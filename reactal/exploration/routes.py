"""Several ways from one molecule to another, and the lowest of them.

A band finds the route next to its first path. So several first paths are laid: geodesic, geodesic with harder knocks, IDPP, and
to the product with like atoms exchanged. All bands relax in one batch; where one runs through a valley it is split there and
each leg is a route of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.errors import MismatchedEnds, UnusablePotential
from reactal.exploration.bonds import changed
from reactal.exploration.descent import Descent
from reactal.exploration.irc import follow_ircs
from reactal.exploration.neb import Band, BandSettings, relax_bands
from reactal.exploration.paths import align, geodesic_path, idpp_path
from reactal.exploration.profile import profile_extrema
from reactal.exploration.relax_batch import relax_all
from reactal.exploration.saddle import SaddleLimits, SaddlePoint, find_saddles
from reactal.exploration.species import matchings, same_species
from reactal.exploration.string import relax_strings
from reactal.potentials.base import Potential

__all__ = ["Leg", "Route", "RouteSettings", "atom_mappings", "find_routes", "require_usable"]

Floats = NDArray[np.float64]

_FREE = BandSettings(force_max=0.1, cap=float("inf"), move=float("inf"))


@final
@dataclass(frozen=True)
class RouteSettings:
    """How many first paths are laid, and how they are relaxed."""

    method: str = "neb"  # neb | string
    images: int = 13
    tries: int = 3  # geodesic paths with jitters of 1, 5, 10 ... times the least
    jitter: float = 0.02  # angstrom, the least
    idpp: bool = True
    mappings: int = 2  # products with like atoms exchanged, beside the one given
    band_steps: int = 150
    cap: float = float("inf")  # eV/angstrom of disagreement at which a band stops
    deep: float = 0.065  # eV; a shallower valley is no intermediate
    sparing: bool = False  # saddles without Hessians on the way
    splits: int = 2  # of a path at its valleys, and of its legs at theirs


@final
@dataclass(frozen=True, eq=False)
class Leg:
    """From one minimum to the next over one saddle. Energies (eV) are the model's; `joins`: descents reach both ends."""

    start: Structure
    end: Structure
    band: Band
    saddle: SaddlePoint
    joins: bool


@final
@dataclass(frozen=True, eq=False)
class Route:
    """`how` the first path was laid; `mapping`: which atom of the given product stands where; barrier eV above the reactant."""

    how: str
    mapping: tuple[int, ...]
    legs: tuple[Leg, ...]
    barrier: float
    whole: bool  # every leg has a saddle of first order that joins its ends


def atom_mappings(reactant: Structure, product: Structure, *, limit: int) -> tuple[tuple[int, ...], ...]:
    """Orders of the product's atoms that keep elements: the one given, then others, those first that change the fewest bonds.

    Considered are the symmetries of the product's bond graph and exchanges of two like atoms. Of those that make and break the
    same bonds the one is kept whose atoms have the shortest way.
    """
    given = tuple(range(len(product)))
    pairs = [pair for pair in combinations(given, 2) if product.numbers[pair[0]] == product.numbers[pair[1]]]
    candidates = {given, *matchings(product, product), *(_exchanged(given, *pair) for pair in pairs)}
    best: dict[tuple[object, ...], tuple[int, float, tuple[int, ...]]] = {}
    for order in sorted(candidates):
        moved = align(product.moved(product.positions[list(order)]), reactant)
        change = changed(reactant, moved)
        far = float(((moved.positions - reactant.positions) ** 2).sum())
        key = (change.formed, change.broken)
        if order == given or key not in best or (far < best[key][1] and best[key][2] != given):
            best[key] = (len(change.formed) + len(change.broken), far, order)
    others = sorted(found for found in best.values() if found[2] != given and found[0])
    return (given, *(order for _, _, order in others[:limit]))


def _exchanged(order: tuple[int, ...], i: int, j: int) -> tuple[int, ...]:
    out = list(order)
    out[i], out[j] = out[j], out[i]
    return tuple(out)


def require_usable(potential: Potential, structures: Sequence[Structure]) -> None:
    """`UnusablePotential` where a potential gives no number, or the same for everything."""
    frames = Frames.of(list(structures))
    said = potential.predict(frames)
    for row in range(len(frames)):
        if not (np.isfinite(said.energy[row]) and np.isfinite(said.forces[frames.atoms(row)]).all()):
            raise UnusablePotential(
                f"the model gives no finite energy and forces for structure {row + 1} of {len(frames)}; "
                "train it again, or ask about geometries like those it was trained on"
            )
    if len(frames) > 1 and not np.abs(said.forces).max() > 1e-9:
        raise UnusablePotential("the model is constant: all its forces are zero; there is nothing to search on, train it first")


def find_routes(
    potential: Potential,
    reactant: Structure,
    product: Structure,
    *,
    settings: RouteSettings | None = None,
    rng: np.random.Generator,
) -> tuple[Route, ...]:
    """Every route that was found, the lowest whole one first. Both ends are relaxed on the potential before."""
    settings = settings or RouteSettings()
    start, end = _relaxed_ends(potential, reactant, product)
    plans: list[tuple[str, tuple[int, ...], Floats]] = []
    for place, order in enumerate(atom_mappings(start, end, limit=settings.mappings)):
        goal = align(end.moved(end.positions[list(order)]), start)
        word = "" if not place else f", product's atoms in the order {' '.join(str(i + 1) for i in order)}"
        plans += [(how + word, order, path) for how, path in _first_paths(start, goal, settings, rng, alone=bool(place))]
    legs = _legs(potential, [(start, path) for _, _, path in plans], settings, splits=settings.splits, rng=rng)
    routes = [
        Route(
            how=how,
            mapping=order,
            legs=found,
            barrier=max(leg.saddle.energy if leg.joins else float(leg.band.energies.max()) for leg in found)
            - float(found[0].band.energies[0]),
            whole=all(leg.joins for leg in found),
        )
        for (how, order, _), found in zip(plans, legs, strict=True)
    ]
    return tuple(sorted(routes, key=lambda route: (not route.whole, route.barrier)))


def _relaxed_ends(potential: Potential, reactant: Structure, product: Structure) -> tuple[Structure, Structure]:
    require_usable(potential, [reactant, product])
    ends = relax_all(potential, [reactant, product])
    for name, given, rest in zip(("reactant", "product"), (reactant, product), ends, strict=True):
        if change := changed(given, rest.structure):
            raise MismatchedEnds(
                f"the {name} is no minimum of the model: relaxing it makes or breaks {len(change.formed) + len(change.broken)} "
                "bond(s); give a geometry that keeps its bonds there, or a model trained on it"
            )
    first, last = (rest.structure for rest in ends)
    apart = np.abs(first.positions - align(last, first).positions).max()
    if apart < 0.05 or (not changed(first, last) and same_species(first, last, tolerance=0.02)):
        raise MismatchedEnds("reactant and product relax to the same minimum of the model; there is no reaction between them")
    return first, last


def _first_paths(
    start: Structure, end: Structure, settings: RouteSettings, rng: np.random.Generator, *, alone: bool
) -> list[tuple[str, Floats]]:
    """Named first paths; `alone`: only the plainest."""
    out = []
    for attempt in range(1 if alone else settings.tries):
        knock = settings.jitter * (1.0 if not attempt else 5.0 * attempt)
        path = geodesic_path(start, end, images=settings.images, rng=rng, jitter=knock)
        out.append((f"geodesic, jitter {knock:.2f}", path))
    if settings.idpp and not alone:
        out.append(("IDPP", idpp_path(start, end, images=settings.images, rng=rng, jitter=settings.jitter)))
    return out


def _legs(
    potential: Potential,
    paths: Sequence[tuple[Structure, Floats]],
    settings: RouteSettings,
    *,
    splits: int,
    rng: np.random.Generator,
) -> list[tuple[Leg, ...]]:
    """Each path relaxed; those with deep valleys split there, their legs relaxed in one batch in turn."""
    band_settings = replace(_FREE, cap=settings.cap)
    relax = relax_strings if settings.method == "string" else relax_bands
    bands = relax(potential, paths, settings=band_settings, max_steps=settings.band_steps)
    valleys = [
        _valleys(potential, template, band, settings) if splits else () for (template, _), band in zip(paths, bands, strict=True)
    ]
    whole = [i for i, found in enumerate(valleys) if not found]
    done = dict(zip(whole, _joined(potential, [(paths[i][0], bands[i]) for i in whole], settings), strict=True))
    pieces: list[tuple[int, Structure, Floats]] = []
    for i, found in enumerate(valleys):
        template, last = paths[i][0], paths[i][0].moved(bands[i].positions[-1])
        stops = [template.moved(bands[i].positions[0]), *found, last] if found else []
        for one, other in pairwise(stops):
            goal = align(other, one)
            pieces.append((i, one, geodesic_path(one, goal, images=settings.images, rng=rng, jitter=settings.jitter)))
    further = _legs(potential, [(t, p) for _, t, p in pieces], settings, splits=splits - 1, rng=rng) if pieces else []
    out = []
    for i in range(len(paths)):
        inner = tuple(leg for (at, _, _), legs in zip(pieces, further, strict=True) if at == i for leg in legs)
        out.append(inner or (done[i],))
    return out


def _valleys(potential: Potential, template: Structure, band: Band, settings: RouteSettings) -> tuple[Structure, ...]:
    """Minima below the band's deep dips that are neither of its ends nor each other, in the order of the path."""
    _, dips = profile_extrema(band.energies, least_depth=settings.deep)
    if not dips or not np.isfinite(band.energies).all():
        return ()
    known = [template.moved(band.positions[0]), template.moved(band.positions[-1])]
    out: list[Structure] = []
    for rest in relax_all(potential, [template.moved(band.positions[dip.index]) for dip in dips]):
        here = rest.structure
        if rest.converged and all(changed(here, other) or not same_species(here, other) for other in (*known, *out)):
            out.append(here)
    return tuple(out)


def _joined(potential: Potential, bands: Sequence[tuple[Structure, Band]], settings: RouteSettings) -> list[Leg]:
    """The saddle at the top of each band, and whether the ways down from it reach the band's ends."""
    every = 0 if settings.sparing else SaddleLimits.hessian_every
    limits = SaddleLimits(energy=2.0, disagreement=float("inf"), hessian_every=every)
    saddles = find_saddles(potential, [(t, band.climbing, band.tangent) for t, band in bands], limits=limits)
    first = [i for i, saddle in enumerate(saddles) if saddle.first_order]
    ways = dict(zip(first, follow_ircs(potential, [(bands[i][0], saddles[i]) for i in first]), strict=True))
    out = []
    for i, (template, band) in enumerate(bands):
        ends = template.moved(band.positions[0]), template.moved(band.positions[-1])
        reached = [side.descent(template.numbers) for side in ways.get(i, ())]
        out.append(Leg(ends[0], ends[1], band, saddles[i], _reaches(template, reached, ends)))
    return out


def _reaches(template: Structure, ways: Sequence[Descent], ends: tuple[Structure, Structure]) -> bool:
    if len(ways) != 2:
        return False
    down = [template.moved(way.positions) for way in ways]
    near = [[not changed(place, end) for end in ends] for place in down]
    if changed(*ends):
        return (near[0][0] and near[1][1]) or (near[0][1] and near[1][0])
    # the same bonds at both ends: a turn about a bond; then the shapes have to tell
    far = [[float(np.abs(align(place, end).positions - end.positions).max()) for end in ends] for place in down]
    return min(far[0][0] + far[1][1], far[0][1] + far[1][0]) < 1.0
