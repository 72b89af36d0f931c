"""Paths between two geometries that no atom takes through another. Arrays (n_images, N, 3) in angstrom, ends first and last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.chem.elements import formula
from reactal.errors import MismatchedEnds
from reactal.exploration.alignment import superpose, unroll
from reactal.exploration.contacts import least_contact
from reactal.exploration.geodesic import bisected, length, stretched
from reactal.exploration.idpp import relaxed_to_distances
from reactal.exploration.mapping import atom_mapping_hint
from reactal.exploration.metric import ScaledDistances

__all__ = ["align", "atom_mapping_hint", "geodesic_path", "idpp_path", "path_contact", "redistribute"]

Floats = NDArray[np.float64]

TRIES = 3  # first paths with different jitter, of which the shortest is kept
CONTACT = 0.85  # of the closest contact of the two ends; a path that comes closer is taken only if there is no other


def align(mobile: Structure, target: Structure) -> Structure:
    """`mobile` moved and turned onto `target`; atoms keep their order and nothing is mirrored."""
    _check(mobile, target)
    return mobile.moved(superpose(mobile.positions, target.positions))


def geodesic_path(
    start: Structure, end: Structure, *, images: int = 13, rng: np.random.Generator, jitter: float = 0.02
) -> Floats:
    """The shortest path in scaled distances, evenly spaced, both ends as given."""
    _check(start, end)
    metric = ScaledDistances(start.numbers)
    wanted = CONTACT * least_contact(start.numbers, np.stack([start.positions, end.positions])).min()
    found: list[tuple[float, float, Floats]] = []
    for _ in range(TRIES):
        first = bisected(metric, start.positions, end.positions, images=images, rng=rng, jitter=jitter)
        path = stretched(metric, _facing(first))
        clash = max(0.0, wanted - path_contact(start, path))
        found.append((clash, length(metric, path), path))
    return min(found, key=lambda item: item[:2])[2]


def idpp_path(start: Structure, end: Structure, *, images: int = 13, rng: np.random.Generator, jitter: float = 0.02) -> Floats:
    """The path whose distances change evenly from one end to the other, started where no atom is in another's way."""
    _check(start, end)
    metric = ScaledDistances(start.numbers)
    first = bisected(metric, start.positions, end.positions, images=images, rng=rng, jitter=jitter)
    return _facing(relaxed_to_distances(_facing(first)))


def redistribute(template: Structure, path: Floats, *, images: int | None = None) -> Floats:
    """The same path with evenly spaced images, as many as before or `images`.

    Straight lines between images cut corners and run atoms into each other, so new images come from a spline and are
    then pulled to the distances interpolated between their neighbours; one that still comes closer than the path did
    takes the place of the nearest old image.
    """
    from scipy.interpolate import CubicSpline

    metric = ScaledDistances(template.numbers)
    smooth = unroll(path)
    gaps = metric.gaps(smooth) + 0.1 * np.linalg.norm(np.diff(smooth, axis=0), axis=(1, 2))
    arc = np.concatenate([[0.0], np.cumsum(np.maximum(gaps, 1e-9))])
    places = np.linspace(0.0, arc[-1], images or len(path))
    spline = CubicSpline(arc, smooth.reshape(len(path), -1))
    q = metric.values(smooth)
    wanted = np.stack([np.interp(places, arc, column) for column in q.T], axis=1)
    guess = spline(places).reshape(-1, *path.shape[1:])
    out = metric.fit(guess, wanted, tether=0.1)
    floor = least_contact(template.numbers, path).min() * CONTACT
    nearest = np.abs(places[:, None] - arc[None]).argmin(axis=1)
    crushed = least_contact(template.numbers, out) < floor
    out[crushed] = smooth[nearest[crushed]]
    return _facing(np.concatenate([path[:1], out[1:-1], path[-1:]]))


def path_contact(template: Structure, path: Floats, *, between: int = 4) -> float:
    """The shortest contact, in units of a bond, on the path and on straight lines between its images."""
    shares = np.arange(between)[:, None, None, None] / between
    fine = path[None, :-1] + shares * (path[None, 1:] - path[None, :-1])
    ratios = least_contact(template.numbers, fine.reshape(-1, *path.shape[1:]))
    return float(min(ratios.min(), least_contact(template.numbers, path[-1:])[0]))


def _facing(path: Floats) -> Floats:
    """Inner images turned so that the turn between the ends is spread over the path; the ends stay as they are."""
    rolled = unroll(path)
    back = unroll(path[::-1])[::-1]
    out = path.copy()
    for i in range(1, len(path) - 1):
        share = i / (len(path) - 1)
        out[i] = superpose(path[i], (1 - share) * rolled[i] + share * back[i])
    return out


def _check(start: Structure, end: Structure) -> None:
    if start.numbers == end.numbers:
        return
    hint = atom_mapping_hint(start, end)
    if hint is None:
        raise MismatchedEnds(
            f"reactant {formula(start.numbers)} and product {formula(end.numbers)} are not the same atoms; "
            "give both ends with every atom of the reaction"
        )
    raise MismatchedEnds(
        "reactant and product hold the same atoms in another order; likely the product's atoms "
        f"{' '.join(str(i + 1) for i in hint)} in this order are the reactant's 1 to {len(hint)}"
    )
