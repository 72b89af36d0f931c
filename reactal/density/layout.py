"""Where an atom's coefficients stand in a molecule's: between a network's features by l and m, and PySCF's order of functions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import final

import torch

from reactal.density.molecules import fitting_shells
from reactal.density.theory import DensityTheory
from reactal.errors import UnknownElement

__all__ = ["Layout"]

CARTESIAN = (2, 0, 1)  # PySCF has p functions as x, y, z; networks have them as y, z, x


@final
class Layout:
    """Of the elements that a network knows. An atom's own coefficients are (width,): l by l, shell by shell, m from -l to l."""

    def __init__(self, elements: Sequence[int], theory: DensityTheory) -> None:
        self.elements, self.theory = tuple(elements), theory
        self.shells = {number: fitting_shells(number, theory) for number in self.elements}

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Shells of each l that the richest element has."""
        top = max(max(shells) for shells in self.shells.values())
        return tuple(max(shells.count(one) for shells in self.shells.values()) for one in range(top + 1))

    @property
    def angular(self) -> int:
        """The highest l."""
        return len(self.counts) - 1

    @property
    def width(self) -> int:
        return sum(count * (2 * one + 1) for one, count in enumerate(self.counts))

    def kind(self, numbers: torch.Tensor) -> torch.Tensor:
        """The place of each atom's element in the list of elements (N,). `UnknownElement` names one that is not there."""
        if unknown := set(numbers.tolist()) - set(self.elements):
            from reactal.chem.elements import SYMBOLS

            known = ", ".join(SYMBOLS[number] for number in self.elements)
            raise UnknownElement(
                f"the model was not trained on {', '.join(SYMBOLS[n] for n in sorted(unknown))}; it knows {known}"
            )
        table = torch.full((max(self.elements) + 1,), -1, dtype=torch.long, device=numbers.device)
        table[list(self.elements)] = torch.arange(len(self.elements), device=numbers.device)
        return table[numbers]

    def take(self, numbers: torch.Tensor) -> torch.Tensor:
        """Indices (K,) into the atoms' own coefficients, flattened (N * width,), in PySCF's order of the molecule's."""
        rows = [self._own[int(number)] + place * self.width for place, number in enumerate(numbers.tolist())]
        return torch.cat(rows)

    @cached_property
    def _own(self) -> dict[int, torch.Tensor]:
        begins = [0]
        for one, count in enumerate(self.counts):
            begins.append(begins[-1] + count * (2 * one + 1))
        made = {}
        for number, shells in self.shells.items():
            used = [0] * len(self.counts)
            places: list[int] = []
            for one in shells:
                first = begins[one] + used[one] * (2 * one + 1)
                order = CARTESIAN if one == 1 else range(2 * one + 1)
                places += [first + m for m in order]
                used[one] += 1
            made[number] = torch.tensor(places)
        return made
