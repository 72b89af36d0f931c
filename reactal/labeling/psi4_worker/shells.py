"""How the functions of a basis turn with the molecule, and a basis of the same span in which they turn by orthogonal matrices.

Cartesian d functions (and higher ones) mix under a rotation by matrices that are not orthogonal, so Loewdin's orthogonalisation
of them depends on how the molecule stands. In place of the six products of a Cartesian d shell stand here its five harmonics and
x^2 + y^2 + z^2, each of unit norm; of higher shells likewise. Harmonic shells stay as they are.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb, factorial
from typing import Any, Dict, List, Sequence, Tuple

Shell = Tuple[int, int, bool]  # the atom, the angular momentum, and whether its functions are harmonics
Power = Tuple[int, int, int]
Polynomial = Dict[Power, float]
HIGHEST = 6  # angular momentum


def shells_of(basis: Any) -> List[Shell]:
    """Of a `BasisSet` of Psi4, in its order."""
    shells = [basis.shell(number) for number in range(basis.nshell())]
    return [(int(basis.shell_to_center(number)), int(one.am), bool(one.is_pure())) for number, one in enumerate(shells)]


class Turning:
    """Of one molecule's shells."""

    def __init__(self, shells: Sequence[Shell]) -> None:
        import numpy as np

        self.shells = list(shells)
        self.covers = max((degree for _, degree, _ in shells), default=0) <= HIGHEST
        self._parts: List[Tuple[int, int, int]] = []  # the atom, which part of its, the angular momentum
        atoms = 1 + max((atom for atom, _, _ in shells), default=-1)
        starts: List[List[int]] = [[] for _ in range(atoms)]
        self.size = 0
        for atom, degree, pure in shells:
            for part in range(degree, -1, -2)[: 1 if pure else None]:
                self._parts.append((atom, len(starts[atom]), part))
                starts[atom].append(self.size)
                self.size += 2 * part + 1
        most = max(map(len, starts), default=0)
        self._starts = np.array([one + [0] * (most - len(one)) for one in starts], dtype=int)

    def unitary_basis(self) -> Any:
        """Columns: the functions of this module's basis in those of Psi4."""
        import numpy as np

        matrix, begin = np.zeros((self.size, self.size)), 0
        for _, degree, pure in self.shells:
            block = np.eye(2 * degree + 1) if pure else cartesian_block(degree)
            end = begin + len(block)
            matrix[begin:end, begin:end], begin = block, end
        return matrix

    def rows(self, order: Sequence[int]) -> Any:
        """The functions of this module's basis, by atoms in this order."""
        import numpy as np

        sizes = [2 * degree + 1 for _, _, degree in self._parts]
        ends = np.cumsum(sizes)
        of_atom: Dict[int, List[int]] = {}
        for (atom, _, _), size, end in zip(self._parts, sizes, ends):  # noqa: B905 -- Psi4's Python may be an old one
            of_atom.setdefault(atom, []).extend(range(end - size, end))
        return np.array([row for atom in order for row in of_atom.get(atom, ())], dtype=int)

    def turned(self, planes: Any, rotations: Any, orders: Any) -> Any:
        """Orbitals of many molecules, each turned and with its atoms in another order.

        `planes` (m, functions, orbitals) in this module's basis; `rotations` (m, 3, 3), proper or not, act on columns of
        coordinates; `orders` (m, atoms): to the place of atom a comes the one that was at orders[:, a], a like one.
        """
        import numpy as np

        moved, each = np.empty_like(planes), np.arange(len(planes))[:, None]
        blocks = {
            degree: harmonic_blocks(degree, rotations).astype(planes.dtype) for degree in {degree for _, _, degree in self._parts}
        }
        for atom, part, degree in self._parts:
            begin = self._starts[atom, part]
            rows = self._starts[orders[:, atom], part][:, None] + np.arange(2 * degree + 1)
            moved[:, begin : begin + 2 * degree + 1] = blocks[degree] @ planes[each, rows]
        return moved


def harmonic_blocks(degree: int, rotations: Any) -> Any:
    """How the harmonics of a degree turn: (m, 2l+1, 2l+1), orthogonal. Found by their values at some points, before and after."""
    import numpy as np

    if degree == 0:
        return np.ones((len(rotations), 1, 1))
    points = np.random.RandomState(degree).normal(size=(4 * degree + 8, 3))  # any will do, the same every time
    before = _values(degree, points)
    after = _values(degree, points @ rotations)  # a function turned by R has at r the value that it had at R^-1 r
    return np.linalg.pinv(before) @ after


def _values(degree: int, points: Any) -> Any:
    import numpy as np

    columns = [
        sum(c * points[..., 0] ** i * points[..., 1] ** j * points[..., 2] ** k for (i, j, k), c in harmonic.items())
        for harmonic in harmonics(degree)
    ]
    return np.stack(columns, axis=-1)


@lru_cache(maxsize=None)
def harmonics(degree: int) -> List[Polynomial]:
    """Real solid harmonics in Psi4's order m = 0, 1+, 1-, 2+, ... (Helgaker, Jorgensen, Olsen, Molecular Electronic-Structure
    Theory, section 6.4.2), each with the same norm on the sphere."""
    found: List[Polynomial] = []
    for m in range(degree + 1):
        scale = (2 * factorial(degree - m) / factorial(degree + m)) ** 0.5 if m else 1.0
        around = _times(_along_z(degree, m), {(0, 0, 0): scale})
        found += [_times(around, part) for part in (_of_xy(m, 0), _of_xy(m, 1))[: 2 if m else 1]]
    return found


def _along_z(degree: int, m: int) -> Polynomial:
    """The part of the harmonic that is the same all around the axis."""
    total: Polynomial = {}
    for k in range((degree - m) // 2 + 1):
        factor = (
            (-1) ** k
            * comb(degree, k)
            * comb(2 * degree - 2 * k, degree)
            * factorial(degree - 2 * k)
            / factorial(degree - 2 * k - m)
            / 2**degree
        )
        total = _plus(total, _times(_radius(k), {(0, 0, degree - 2 * k - m): factor}))
    return total


def _of_xy(m: int, imaginary: int) -> Polynomial:
    """The real or the imaginary part of (x + iy)^m."""
    return {(m - p, p, 0): float((-1) ** (p // 2) * comb(m, p)) for p in range(imaginary, m + 1, 2)}


def _radius(k: int) -> Polynomial:
    """(x^2 + y^2 + z^2)^k."""
    power: Polynomial = {(0, 0, 0): 1.0}
    for _ in range(k):
        power = _times(power, {(2, 0, 0): 1.0, (0, 2, 0): 1.0, (0, 0, 2): 1.0})
    return power


def _times(one: Polynomial, other: Polynomial) -> Polynomial:
    product: Polynomial = {}
    for (i, j, k), c in one.items():
        product = _plus(product, {(i + a, j + b, k + d): c * e for (a, b, d), e in other.items()})
    return product


def _plus(one: Polynomial, other: Polynomial) -> Polynomial:
    return {power: one.get(power, 0.0) + other.get(power, 0.0) for power in {**one, **other}}


@lru_cache(maxsize=None)
def cartesian_block(degree: int) -> Any:
    """Columns: harmonics of degree l, l-2, ... times powers of the radius, of unit norm, in the products of a Cartesian shell.

    The norms are those of one radial function; Psi4 scales its products so that x^l has unit norm.
    """
    import numpy as np

    powers = [(degree - i, i - j, j) for i in range(degree + 1) for j in range(i + 1)]  # Psi4's order
    columns = []
    for k in range(degree // 2 + 1):
        for harmonic in harmonics(degree - 2 * k):
            polynomial = _times(harmonic, _radius(k))
            columns.append([polynomial.get(power, 0.0) for power in powers])
    block = np.array(columns).T
    overlap = np.array([[_overlap(one, other, degree) for other in powers] for one in powers])
    return block / np.sqrt(np.einsum("pi,pq,qi->i", block, overlap, block))


def _overlap(one: Power, other: Power, degree: int) -> float:
    """Of two products with one Gaussian; of x^l with itself 1."""
    total = 1.0
    for a, b in zip(one, other):  # noqa: B905 -- Psi4's Python may be an old one
        total *= 0.0 if (a + b) % 2 else _double_factorial(a + b - 1)
    return total / _double_factorial(2 * degree - 1)


def _double_factorial(n: int) -> float:
    return float(n * _double_factorial(n - 2)) if n > 1 else 1.0
