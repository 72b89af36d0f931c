"""Collective variables of many replicas at once, in torch: one pass and one gradient for the whole batch.

Written as text: `d(0,1)` distance, `a(0,1,2)` angle and `t(0,1,2,3)` torsion (radians), `cn(0;1,2,3)` coordination number,
and sums like `d(1,5)-d(0,1)` or `0.5*d(0,1)+a(0,1,2)`. Atoms count from 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.chem.elements import COVALENT_RADII
from reactal.errors import InputError
from reactal.exploration.bonds import changed

if TYPE_CHECKING:
    import torch

__all__ = [
    "Angle",
    "CollectiveVariable",
    "Coordination",
    "Distance",
    "OnPath",
    "Sum",
    "Torsion",
    "measured",
    "parsed",
    "proposed",
]

Floats = NDArray[np.float64]


class CollectiveVariable(Protocol):
    """A number for each geometry, differentiable."""

    def value(self, positions: torch.Tensor) -> torch.Tensor:
        """Of positions (m, N, 3) angstrom: (m,)."""

    @property
    def period(self) -> float | None:
        """After which it repeats itself; None: it does not."""


@final
@dataclass(frozen=True)
class Distance:
    """Between two atoms, angstrom."""

    first: int
    second: int
    period: float | None = None

    def value(self, positions: torch.Tensor) -> torch.Tensor:
        length: torch.Tensor = (positions[:, self.second] - positions[:, self.first]).norm(dim=1)
        return length


@final
@dataclass(frozen=True)
class Angle:
    """At the middle atom, radians; by the arc tangent, which has a slope where an arc cosine has none."""

    first: int
    middle: int
    last: int
    period: float | None = None

    def value(self, positions: torch.Tensor) -> torch.Tensor:
        one = positions[:, self.first] - positions[:, self.middle]
        other = positions[:, self.last] - positions[:, self.middle]
        across = (one.cross(other, dim=1).square().sum(1) + 1e-12).sqrt()
        return across.atan2((one * other).sum(1))


@final
@dataclass(frozen=True)
class Torsion:
    """About the bond of the two middle atoms, radians between -pi and pi."""

    first: int
    second: int
    third: int
    fourth: int
    period: float | None = 2 * math.pi

    def value(self, positions: torch.Tensor) -> torch.Tensor:
        chain = [positions[:, i] for i in (self.first, self.second, self.third, self.fourth)]
        a, b, c = (chain[i + 1] - chain[i] for i in range(3))
        left, right = a.cross(b, dim=1), b.cross(c, dim=1)
        return (a * right).sum(1).mul(b.norm(dim=1)).atan2((left * right).sum(1))


@final
@dataclass(frozen=True)
class Coordination:
    """How many of the others are near an atom: sum of (1 - x^6) / (1 - x^12) = 1 / (1 + x^6), x the distance over `reach`
    (angstrom)."""

    centre: int
    others: tuple[int, ...]
    reach: float = 2.0
    period: float | None = None

    def value(self, positions: torch.Tensor) -> torch.Tensor:
        arms = positions[:, list(self.others)] - positions[:, [self.centre]]
        return (1 / (1 + (arms.square().sum(2) / self.reach**2) ** 3)).sum(1)


@final
@dataclass(frozen=True)
class Sum:
    """Of variables, each times a number."""

    terms: tuple[tuple[float, CollectiveVariable], ...]
    period: float | None = None

    def value(self, positions: torch.Tensor) -> torch.Tensor:
        first, *others = (weight * variable.value(positions) for weight, variable in self.terms)
        return sum(others, first)


@final
@dataclass(frozen=True, eq=False)
class OnPath:
    """How far along a path of geometries (k, N, 3) angstrom, from 0 to 1 (Branduardi, Gervasio, Parrinello, J. Chem. Phys. 126,
    054103 (2007)), by the root mean square difference of all distances, which needs no alignment."""

    geometries: Floats
    period: float | None = None

    def value(self, positions: torch.Tensor) -> torch.Tensor:
        import torch

        places = torch.as_tensor(self.geometries, dtype=positions.dtype)
        first, second = np.triu_indices(positions.shape[1], 1)
        marks = (places[:, second] - places[:, first]).norm(dim=2)
        seen = (positions[:, second] - positions[:, first]).norm(dim=2)
        square = (seen[:, None] - marks).square().mean(2)
        between = (marks[1:] - marks[:-1]).square().mean(1).mean().clamp(min=1e-6)
        # exp(-2.3) of a weight one image on: as those who introduced it advise
        weight = (-2.3 / between * square).softmax(1)
        along: torch.Tensor = weight @ torch.linspace(0, 1, len(marks), dtype=positions.dtype)
        return along


def measured(variables: Sequence[CollectiveVariable], positions: Floats) -> tuple[Floats, Floats]:
    """Values (m, K) and their derivatives (m, K, N, 3) by the positions (m, N, 3) angstrom."""
    import torch

    places = torch.tensor(positions, dtype=torch.float64, requires_grad=True)
    values = [variable.value(places) for variable in variables]
    slopes = [torch.autograd.grad(value.sum(), places)[0] for value in values]
    return torch.stack(values, dim=1).detach().numpy(), torch.stack(slopes, dim=1).numpy()


_TERM = re.compile(r"([+-]?)(?:(\d+(?:\.\d*)?)\*)?(d|a|t|cn)\(([\d,;]+)\)")
_ATOMS = {"d": 2, "a": 3, "t": 4}


def parsed(text: str, structure: Structure) -> CollectiveVariable:
    """The variable that the text names, for molecules like this one; `InputError` where it names none."""
    plain = "".join(text.split())
    terms: list[tuple[float, CollectiveVariable]] = []
    end = 0
    while end < len(plain):
        found = _TERM.match(plain, end)
        if found is None or (terms and not found[1]):
            raise InputError(
                f"{text!r} is no collective variable from {plain[end:]!r} on; write d(0,1), a(0,1,2), t(0,1,2,3), cn(0;1,2) or a "
                "sum like d(1,5)-d(0,1), atoms counted from 0"
            )
        weight = (-1.0 if found[1] == "-" else 1.0) * float(found[2] or 1)
        terms.append((weight, _named(found[3], found[4], structure, text)))
        end = found.end()
    if not terms:
        raise InputError("a collective variable cannot be empty; write one like d(0,1)-d(1,5)")
    return terms[0][1] if len(terms) == 1 and terms[0][0] == 1 else Sum(tuple(terms))


def _named(kind: str, inside: str, structure: Structure, text: str) -> CollectiveVariable:
    centre, _, others = inside.partition(";")
    groups = [[int(word) for word in part.split(",") if word] for part in ((centre, others) if kind == "cn" else (inside,))]
    atoms = [atom for group in groups for atom in group]
    right = (len(groups[0]) == 1 and bool(groups[-1]) and len(groups) == 2) if kind == "cn" else len(atoms) == _ATOMS[kind]
    if not right or len(set(atoms)) < len(atoms) or (";" in inside and kind != "cn"):
        raise InputError(f"{kind}({inside}) in {text!r} has not the atoms it needs, each once; write d(0,1) or cn(0;1,2)")
    if max(atoms) >= len(structure):
        raise InputError(f"{text!r} names atom {max(atoms)}, and the last of {len(structure)} atoms is {len(structure) - 1}")
    if kind == "cn":
        radii = [COVALENT_RADII[structure.numbers[atom]] for atom in atoms]
        # half-way where a bond of 1.3 covalent lengths ends
        return Coordination(atoms[0], tuple(atoms[1:]), reach=1.5 * (radii[0] + float(np.mean(radii[1:]))))
    kinds: dict[str, Callable[..., CollectiveVariable]] = {"d": Distance, "a": Angle, "t": Torsion}
    return kinds[kind](*atoms)


def proposed(reactant: Structure, product: Structure) -> Sum:
    """From the bonds that differ: broken ones lengthen, formed ones shorten, from negative at the reactant to positive."""
    change = changed(reactant, product)
    terms = [(1.0, Distance(i, j)) for i, j in sorted(change.broken)] + [(-1.0, Distance(i, j)) for i, j in sorted(change.formed)]
    if not terms:
        raise InputError("no bond differs between the two geometries; name the collective variable, for example t(0,1,2,3)")
    return Sum(tuple(terms))
