"""Which atom of the product is which atom of the reactant, when two files disagree about the order."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.exploration.bonds import bonds

__all__ = ["atom_mapping_hint"]

Floats = NDArray[np.float64]
_DEPTH = 4  # bonds around an atom that tell it from others of its element


def atom_mapping_hint(reactant: Structure, product: Structure) -> tuple[int, ...] | None:
    """A permutation p such that product atom p[i] is likely reactant atom i; None where the two hold different atoms.

    Atoms of one element are matched by their surroundings in the bond graph, shell by shell; of equally good matches
    those that keep bonds and then the file's order are taken. A hint for a person, not a proof.
    """
    if Counter(reactant.numbers) != Counter(product.numbers):
        return None
    best = _assigned(_mismatch(reactant, product), reactant, product)
    return _mended(best, reactant, product)


def _mismatch(reactant: Structure, product: Structure) -> Floats:
    """How differently atom i of one and j of the other are surrounded (N, N); infinite for different elements."""
    ours, theirs = _surroundings(reactant), _surroundings(product)
    weight = 0.5 ** np.arange(_DEPTH)
    shells = np.abs(ours[:, None] - theirs[None]).sum(axis=-1)  # (N, N, depth)
    order = np.abs(np.arange(len(reactant))[:, None] - np.arange(len(product))[None])
    return np.asarray((shells * weight).sum(axis=-1) + 1e-4 * order)


def _surroundings(structure: Structure) -> Floats:
    """Elements counted in each bond shell around each atom: (N, depth, elements)."""
    n = len(structure)
    kinds = sorted(set(structure.numbers))
    element = np.asarray([[number == kind for kind in kinds] for number in structure.numbers], dtype=np.float64)
    joined = np.zeros((n, n), dtype=bool)
    for i, j in bonds(structure):
        joined[i, j] = joined[j, i] = True
    reached = np.eye(n, dtype=bool)
    shells = []
    for _ in range(_DEPTH):
        outer = (reached.astype(int) @ joined > 0) & ~reached
        shells.append(outer @ element)
        reached |= outer
    return np.stack(shells, axis=1)


def _assigned(cost: Floats, reactant: Structure, product: Structure) -> list[int]:
    from scipy.optimize import linear_sum_assignment

    other = np.asarray(reactant.numbers)[:, None] != np.asarray(product.numbers)[None]
    _, columns = linear_sum_assignment(np.where(other, 1e6, cost))
    return [int(c) for c in columns]


def _mended(order: list[int], reactant: Structure, product: Structure) -> tuple[int, ...]:
    """Swaps of like atoms, as long as one more bond of the reactant is kept by it."""
    ours, theirs = bonds(reactant), bonds(product)

    def kept(p: list[int]) -> int:
        return sum((min(p[i], p[j]), max(p[i], p[j])) in theirs for i, j in ours)

    score, better = kept(order), True
    while better:
        better = False
        for i in range(len(order)):
            for j in range(i + 1, len(order)):
                if reactant.numbers[i] != reactant.numbers[j]:
                    continue
                swapped = order.copy()
                swapped[i], swapped[j] = order[j], order[i]
                if (found := kept(swapped)) > score:
                    order, score, better = swapped, found, True
    return tuple(order)
