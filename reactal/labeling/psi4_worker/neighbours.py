"""Orbitals of geometries nearby, as the guess for another."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Sequence

from .scratch_files import GUESS_FILES
from .units import BOHR

Json = Dict[str, Any]

ORBITALS = 180  # Psi4's number of the file in which a guess is looked for
MOLECULE = ("symbols", "charge", "multiplicity", "method", "basis", "keywords")  # what neighbours have in common
NEIGHBOURS = 8  # kept at a time
RIDGE = 1e-6
ALIKE = 0.7  # smallest overlap of the occupied spaces of one state at two geometries nearby
NEARBY = 0.25  # angstrom, of the nearest
REACH = 0.5  # angstrom, of those that it is extrapolated with
SAMPLE = 10  # one in so many is compared with a fresh guess
SAME = 1e-7  # hartree; what two ways to one state may differ by
UNEXPLAINED = 2e-3  # hartree
CUBIC = 0.1  # hartree/bohr^3, of the term that the mean of two gradients leaves out
SPIN_JUMP = 0.1


class Neighbour:
    """A finished geometry, its result, and its occupied orbitals in the orthonormal basis of Loewdin."""

    count = 0
    rung = "nearby_guess"

    def __init__(self, request: Json, result: Json, wavefunction: Any) -> None:
        import numpy as np

        Neighbour.count += 1
        self.molecule = [request[name] for name in MOLECULE]
        self.positions = np.array(request["positions"])
        self.result = result
        self.overlap = np.array(wavefunction.S())
        root = power_of(self.overlap, 0.5)
        self.planes = [root @ np.asarray(c("SO", "OCC")) for c in (wavefunction.Ca_subset, wavefunction.Cb_subset)]
        self.file = Path(f"{GUESS_FILES}{Neighbour.count}.npy")
        wavefunction.to_file(str(self.file.with_suffix("")))

    def distance(self, request: Json) -> float:
        """Root mean square over the atoms, as they stand: orbitals do not turn with a molecule that has turned."""
        import numpy as np

        return float(np.sqrt(((np.array(request["positions"]) - self.positions) ** 2).sum(axis=1).mean()))

    def write(self, psi4: Any, orbitals: Any, near: Sequence[Any]) -> None:
        """Where Psi4 looks for a guess; `near` begins with this one."""
        write_guess(psi4, orbitals, near)

    def is_suspicious(self, request: Json, result: Json) -> bool:
        """Whether the result seems to be of a state other than this one's."""
        import numpy as np

        return is_another_state((np.array(request["positions"]) - self.positions) / BOHR, self.result, result)


def is_another_state(step: Any, before: Json, after: Json) -> bool:
    """Whether the energy after a step (bohr) is higher than the two gradients say, or the spin has jumped."""
    import numpy as np

    explained = 0.5 * float(((np.array(before["gradient"]) + after["gradient"]) * step).sum())
    allowed = UNEXPLAINED + CUBIC * float((step**2).sum()) ** 1.5
    spins = [result["s_squared"] or 0.0 for result in (before, after)]
    return bool(after["energy"] - before["energy"] > explained + allowed or abs(spins[0] - spins[1]) > SPIN_JUMP)


class Neighbours:
    """The latest finished geometries of this process."""

    def __init__(self) -> None:
        self._kept: List[Neighbour] = []
        self._used = 0

    def near(self, request: Json) -> List[Neighbour]:
        """Those of the same molecule within reach, the nearest first; none where that is not near."""
        same = [one for one in self._kept if one.molecule == [request[name] for name in MOLECULE]]
        near = sorted((one for one in same if one.distance(request) <= REACH), key=lambda one: one.distance(request))
        return near if near and near[0].distance(request) <= NEARBY else []

    def is_sample(self) -> bool:
        """Whether this use is one of those that are compared with a fresh guess."""
        self._used += 1
        return self._used % SAMPLE == 0

    def keep(self, request: Json, result: Json, wavefunction: Any) -> None:
        self._kept.append(Neighbour(request, result, wavefunction))
        self.forget(self._kept[:-NEIGHBOURS])

    def forget_all(self) -> None:
        self.forget(self._kept)

    def forget(self, some: Sequence[Neighbour]) -> None:
        for one in some:
            one.file.unlink()
        self._kept = [one for one in self._kept if one not in some]


def write_guess(psi4: Any, orbitals: Any, near: Sequence[Neighbour]) -> None:
    """Where Psi4 looks for a guess: the occupied orbitals extrapolated from those of the neighbours.

    Grassmann extrapolation (Polack, Dusson, Stamm, Lipparini, J. Chem. Theory Comput. 17, 6965, 2021): the occupied spaces,
    in the orthonormal basis of Loewdin, are combined in the plane that touches their manifold at the nearest one, with the
    coefficients that fit this geometry's overlap matrix with theirs.
    """
    import numpy as np

    overlap = np.asarray(psi4.core.MintsHelper(orbitals.basisset()).ao_overlap())
    others = [one for one in near[1:] if _same_state(near[0], one)]
    coefficients = _fit(overlap - near[0].overlap, [one.overlap - near[0].overlap for one in others])
    inverse = power_of(overlap, -0.5)
    wavefunction = psi4.core.Wavefunction.from_file(str(near[0].file))
    for spin, matrix in enumerate((wavefunction.Ca(), wavefunction.Cb())):
        base = near[0].planes[spin]
        tangent = np.zeros_like(base)
        for number, other in enumerate(others):
            tangent += coefficients[number] * _tangent(base, other.planes[spin])
        matrix.np[:, : base.shape[1]] = inverse @ _along(base, tangent)
    wavefunction.to_file(orbitals.get_scratch_filename(ORBITALS))


def _same_state(one: Neighbour, other: Neighbour) -> bool:
    import numpy as np

    return all(np.linalg.svd(one.planes[spin].T @ other.planes[spin], compute_uv=False).min() > ALIKE for spin in (0, 1))


def _fit(wanted: Any, offered: Sequence[Any]) -> Any:
    """Coefficients of the offered matrices that give the wanted one, kept small."""
    import numpy as np

    if not offered:
        return []
    columns = np.stack([matrix.ravel() for matrix in offered], axis=1)
    normal = columns.T @ columns
    return np.linalg.solve(normal + RIDGE * np.trace(normal) * np.eye(len(normal)), columns.T @ wanted.ravel())


def _tangent(base: Any, other: Any) -> Any:
    """The logarithm of a space of orthonormal columns at another on the Grassmann manifold."""
    import numpy as np

    left, sines, right = np.linalg.svd(other @ np.linalg.inv(base.T @ other) - base, full_matrices=False)
    return (left * np.arctan(sines)) @ right


def _along(base: Any, tangent: Any) -> Any:
    """The exponential: where the geodesic from `base` in the direction of `tangent` ends."""
    import numpy as np

    left, angles, right = np.linalg.svd(tangent, full_matrices=False)
    return (base @ right.T * np.cos(angles) + left * np.sin(angles)) @ right


def power_of(matrix: Any, exponent: float) -> Any:
    import numpy as np

    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 1e-10) ** exponent) @ vectors.T
