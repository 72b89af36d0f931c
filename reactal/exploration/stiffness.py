"""A first guess of the Hessian from the geometry alone: stiff bonds, softer angles, soft torsions.

Lindh, Bernhardsson, Karlstrom, Malmqvist, Chem. Phys. Lett. 1995, 241, 423: every pair, triple and quadruple of atoms is a
spring whose strength falls off with distance as rho = exp(alpha (r_ref² - r²)); 0.45 rho for stretches, 0.15 rho rho for
bends, 0.005 rho rho rho for torsions (hartree, bohr).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from reactal.units import BOHR, HARTREE

__all__ = ["guess_hessian"]

Floats = NDArray[np.float64]

_ALPHA = np.asarray([[1.0000, 0.3949, 0.3949], [0.3949, 0.2800, 0.2800], [0.3949, 0.2800, 0.2800]])  # by row of the table
_REFERENCE = np.asarray([[1.35, 2.10, 2.53], [2.10, 2.87, 3.40], [2.53, 3.40, 3.40]])
_STRETCH, _BEND, _TORSION = 0.45, 0.15, 0.005
_NEGLIGIBLE = 1e-3  # of a bond's strength
_STRAIGHT = 0.17  # sine below which three atoms count as being on a line


def guess_hessian(numbers: Sequence[int], positions: Floats, *, floor: float = 0.3) -> Floats:
    """A positive Hessian (3N, 3N) in eV/angstrom². `floor` stiffens what no spring holds, so that no step runs away."""
    x = np.asarray(positions) / BOHR
    rho = _strengths(numbers, x)
    rows = [*_stretches(x, rho), *_bends(x, rho), *_torsions(x, rho)]
    hessian = np.zeros((x.size, x.size))
    if rows:
        stiffness = np.asarray([k for k, _ in rows])
        motions = np.asarray([b.reshape(-1) for _, b in rows])
        hessian = motions.T @ (stiffness[:, None] * motions)
    return hessian * HARTREE / BOHR**2 + floor * np.eye(x.size)


def _strengths(numbers: Sequence[int], x: Floats) -> Floats:
    row = np.digitize(np.asarray(numbers), [3, 11])  # hydrogen and helium; lithium to neon; the rest
    squared = ((x[:, None] - x[None]) ** 2).sum(axis=-1)
    rho = np.exp(_ALPHA[row[:, None], row[None]] * (_REFERENCE[row[:, None], row[None]] ** 2 - squared))
    np.fill_diagonal(rho, 0.0)
    return np.asarray(rho)


def _stretches(x: Floats, rho: Floats) -> Iterator[tuple[float, Floats]]:
    for i, j in np.argwhere(np.triu(rho) > _NEGLIGIBLE):
        unit = (x[i] - x[j]) / np.linalg.norm(x[i] - x[j])
        yield _STRETCH * rho[i, j], _motion(x, {i: unit, j: -unit})


def _bends(x: Floats, rho: Floats) -> Iterator[tuple[float, Floats]]:
    near = rho > _NEGLIGIBLE
    for j in range(len(x)):
        around = np.flatnonzero(near[j])
        for a, i in enumerate(around):
            for k in around[a + 1 :]:
                strength = _BEND * rho[i, j] * rho[j, k]
                if strength > _BEND * _NEGLIGIBLE:
                    yield from ((strength, motion) for motion in _bend(x, int(i), j, int(k)))


def _bend(x: Floats, i: int, j: int, k: int) -> list[Floats]:
    """The angle's derivative (N, 3); two perpendicular ones where the three atoms are on a line and it has none."""
    u, v = x[i] - x[j], x[k] - x[j]
    a, b = float(np.linalg.norm(u)), float(np.linalg.norm(v))
    u, v = u / a, v / b
    normal = np.cross(u, v)
    sine = float(np.linalg.norm(normal))
    if sine > _STRAIGHT:
        normal = normal / sine
        first, last = np.cross(u, normal) / a, np.cross(normal, v) / b
        return [_motion(x, {i: first, k: last, j: -first - last})]
    aside = np.cross(u, np.eye(3)[int(np.argmin(np.abs(u)))])
    aside /= np.linalg.norm(aside)
    out = []
    for side in (aside, np.cross(u, aside)):
        last = side / b if float(u @ v) < 0 else -side / b
        out.append(_motion(x, {i: side / a, k: last, j: -side / a - last}))
    return out


def _torsions(x: Floats, rho: Floats) -> Iterator[tuple[float, Floats]]:
    near = rho > _NEGLIGIBLE
    for j, k in np.argwhere(np.triu(near)):
        for i in np.flatnonzero(near[j]):
            for m in np.flatnonzero(near[k]):
                strength = _TORSION * rho[i, j] * rho[j, k] * rho[k, m]
                if len({int(i), int(j), int(k), int(m)}) == 4 and strength > _TORSION * _NEGLIGIBLE:
                    motion = _torsion(x, int(i), int(j), int(k), int(m))
                    if motion is not None:
                        yield strength, motion


def _torsion(x: Floats, i: int, j: int, k: int, m: int) -> Floats | None:
    """The dihedral's derivative (N, 3); none where three of the atoms are on a line.

    Bakken, Helgaker, J. Chem. Phys. 2002, 117, 9160, eq. 34: u, w, v are the unit vectors of the three bonds."""
    u, w, v = x[i] - x[j], x[k] - x[j], x[m] - x[k]
    lu, lw, lv = (float(np.linalg.norm(e)) for e in (u, w, v))
    u, w, v = u / lu, w / lw, v / lv
    cu, cv = float(u @ w), float(-v @ w)
    su, sv = 1.0 - cu**2, 1.0 - cv**2
    if min(su, sv) < _STRAIGHT**2:
        return None
    first, last = np.cross(u, w) / (lu * su), np.cross(v, w) / (lv * sv)
    inner = np.cross(u, w) * cu / (lw * su)
    outer = np.cross(v, w) * cv / (lw * sv)
    return _motion(x, {i: first, m: -last, j: -first + inner + outer, k: last - inner - outer})


def _motion(x: Floats, parts: dict[int, Floats]) -> Floats:
    out = np.zeros_like(x)
    for atom, vector in parts.items():
        out[atom] = vector
    return out
