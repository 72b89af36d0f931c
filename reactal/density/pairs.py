"""Three-centre integrals between pairs of orbitals that touch and fitting functions, block by block: of a molecule of any size
there is never more in memory than is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "Pairs", "Which", "with_shells"]

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Which = Literal["once", "twice", "alone"]
NOTHING = 28.0  # exp(-28) = 7e-13: two orbitals whose product is as small as that do not touch
LARGEST = 200 * 2**20  # bytes of a block, whatever is allowed


@final
@dataclass(frozen=True, eq=False)
class Block:
    """One atom's orbitals `rows`, those of atoms near to it `columns` (n,), fitting functions `places`; integrals
    (rows * columns, places), the rows running fastest, for each of one or more components."""

    atom: int
    rows: slice
    columns: Places
    places: slice
    integrals: tuple[Floats, ...]

    def matrix(self, pairs: Floats) -> Floats:
        """A vector over the pairs as (rows, columns)."""
        return pairs.reshape(-1, len(self.columns), order="F")

    def with_density(self, density: Floats) -> Floats:
        """Of a matrix over all orbitals (n, n) with the integrals (places, components)."""
        pairs = density[self.rows, self.columns].ravel(order="F")
        return np.stack([pairs @ part for part in self.integrals], axis=1)


@final
class Pairs:
    """Of one molecule's orbitals. An atom's near ones come in the order of the molecule."""

    def __init__(self, mole: Any) -> None:
        self.mole = mole
        self.near = _near(mole)
        self._shells = mole.aoslice_by_atom()

    def size(self, functions: Any) -> int:
        """Bytes of all integrals over pairs that are taken once."""
        orbitals = self._shells[:, 3] - self._shells[:, 2]
        pairs = sum(orbitals[atom] * orbitals[self._others(atom, "once")].sum() for atom in range(len(orbitals)))
        return int(pairs * functions.nao) * 8

    def blocks(
        self, functions: Any, *, most: int, name: str = "int3c2e", components: int = 1, which: Which = "once"
    ) -> Iterator[Block]:
        """In blocks of at most about `most` bytes. Every pair of atoms `once`, the later atom's orbitals as the rows, or `twice`,
        either as the rows; or every atom `alone`."""
        for atom in range(self.mole.natm):
            first, last, begin, end = self._shells[atom]
            others = self._others(atom, which)
            shells = np.concatenate([np.arange(*self._shells[other, :2]) for other in others])
            columns = np.concatenate([np.arange(*self._shells[other, 2:]) for other in others])
            here = with_shells(self.mole, np.concatenate([np.arange(first, last), shells]))
            each = int(components * (end - begin) * len(columns) * 8)
            for places, span in _slices(functions, max(1, min(most, LARGEST) // each)):
                spans = (0, last - first, last - first, here.nbas, *span)
                made = _integrals(here, functions, name, components, spans)
                yield Block(atom, slice(begin, end), columns, places, made)

    def _others(self, atom: int, which: Which) -> Places:
        near = np.flatnonzero(self.near[atom])
        return near if which == "twice" else near[near == atom if which == "alone" else near <= atom]


def with_shells(mole: Any, shells: Places) -> Any:
    """A molecule's shells with these numbers, in this order, on all of its atoms."""
    made = mole.copy(deep=False)
    made._bas = np.ascontiguousarray(mole._bas[shells])
    made.nao = None  # counted anew from the shells
    return made


def _near(mole: Any) -> NDArray[np.bool_]:
    """Which two atoms have orbitals that touch, by the Gaussian that is left of the product of their widest ones (N, N)."""
    widest = np.asarray([min(mole.bas_exp(shell).min() for shell in mole.atom_shell_ids(atom)) for atom in range(mole.natm)])
    places = mole.atom_coords()
    apart = ((places[:, None] - places[None]) ** 2).sum(axis=2)
    return np.asarray(widest[:, None] * widest[None] / (widest[:, None] + widest[None]) * apart < NOTHING)


def _integrals(mole: Any, functions: Any, name: str, components: int, spans: tuple[int, ...]) -> tuple[Floats, ...]:
    from pyscf.df import incore

    made = np.asarray(incore.aux_e2(mole, functions, name, comp=components, shls_slice=spans))
    parts = made[None] if components == 1 else made
    return tuple(part.reshape(-1, part.shape[-1], order="F") for part in parts)  # as they lie in memory


def _slices(functions: Any, count: int) -> Iterator[tuple[slice, tuple[int, int]]]:
    """Fitting functions in slices of about `count`, and the shells that they are."""
    places, first = functions.ao_loc_nr(), 0
    while first < functions.nbas:
        last = first + 1
        while last < functions.nbas and places[last + 1] - places[first] <= count:
            last += 1
        yield slice(int(places[first]), int(places[last])), (first, last)
        first = last
