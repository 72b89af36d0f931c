"""What a geometry looks like turned, mirrored and with like atoms in other places: each finished label is many.

Energies do not know the order of like atoms, nor left from right. So a label stands for all its images, and those that lie
nearest to a new geometry are what the orbitals there are learned from.
"""

from __future__ import annotations

from itertools import permutations, product
from typing import Any, List, NamedTuple, Sequence

ORDERS_AT_MOST = 1000  # of like atoms; where there are more, only the order as it is


class Images(NamedTuple):
    """The nearest first. `labels` (m,): which label; `rotations` (m, 3, 3) and `orders` (m, atoms): how it came here, as
    `Turning.turned` takes them; `positions` (m, atoms, 3); `distances` (m,): root mean square over the atoms, angstrom."""

    labels: Any
    rotations: Any
    orders: Any
    positions: Any
    distances: Any


def orders_of(symbols: Sequence[str]) -> Any:
    """(count, atoms): the ways to number like atoms."""
    import numpy as np

    groups = [[atom for atom, other in enumerate(symbols) if other == symbol] for symbol in sorted(set(symbols))]
    count = 1
    for group in groups:
        for number in range(2, len(group) + 1):
            count *= number
        if count > ORDERS_AT_MOST:
            return np.arange(len(symbols))[None]
    orders: List[List[int]] = []
    for chosen in product(*(permutations(group) for group in groups)):
        order = [0] * len(symbols)
        for group, atoms in zip(groups, chosen):  # noqa: B905 -- Psi4's Python may be an old one
            for place, atom in zip(group, atoms):  # noqa: B905
                order[place] = atom
        orders.append(order)
    return np.array(orders)


def nearest_images(wanted: Any, known: Any, orders: Any, *, most: int) -> Images:
    """Of the known geometries (labels, atoms, 3), at most so many images, laid upon the wanted one (atoms, 3).

    Which orders are worth an alignment is told by the distances between atoms, which need none.
    """
    import numpy as np

    between, aim = distances_of(known).reshape(len(known), -1), distances_of(wanted)
    back = np.argsort(orders, axis=1)
    aims = aim[back[:, :, None], back[:, None, :]].reshape(len(orders), -1)
    unlike = (between**2).sum(axis=1)[:, None] + (aims**2).sum(axis=1)[None] - 2.0 * between @ aims.T
    labels, numbers = np.divmod(np.argsort(unlike, axis=None, kind="stable")[:most], len(orders))
    chosen = orders[numbers]
    places = known[labels[:, None], chosen]
    rotations = np.concatenate(_alignments(wanted, places))
    labels, chosen, places = (np.concatenate([one, one]) for one in (labels, chosen, places))
    there = places @ rotations.transpose(0, 2, 1)
    apart = np.sqrt(((there - wanted) ** 2).sum(axis=2).mean(axis=1))
    first = np.argsort(apart, kind="stable")[:most]
    return Images(labels[first], rotations[first], chosen[first], there[first], apart[first])


def _alignments(wanted: Any, places: Any) -> List[Any]:
    """The best rotations, and the best ones with a mirror (Kabsch, Acta Crystallogr. A 32, 922, 1976)."""
    import numpy as np

    left, _, right = np.linalg.svd(np.einsum("mai,aj->mij", places, wanted))
    handedness = np.sign(np.linalg.det(left @ right))
    both = []
    for hand in (1.0, -1.0):
        signs = np.ones((len(places), 3))
        signs[:, 2] = hand * handedness
        both.append(np.einsum("mij,mj,mjk->mki", left, signs, right))
    return both


def distances_of(positions: Any) -> Any:
    """(..., atoms, 3) -> (..., atoms, atoms)."""
    import numpy as np

    return np.sqrt(((positions[..., :, None, :] - positions[..., None, :, :]) ** 2).sum(axis=-1))
