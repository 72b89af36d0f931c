"""Which charge and multiplicity a geometry has: what is asked for, else what its file says, else a rule."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from reactal.chem.elements import atomic_number, formula
from reactal.errors import InputError

__all__ = ["LOWEST", "StateRules", "state_in_comment"]

LOWEST = "lowest"
_COMMENT = re.compile(r"\s*([+-]?\d+)\s+(\d+)\s*")
_RULE = re.compile(r"\s*([A-Za-z0-9]+)\s*=\s*([+-]?\d+)\s*,\s*(\d+)\s*")
_ATOMS = re.compile(r"([A-Z][a-z]?)(\d*)")


def state_in_comment(comment: str) -> tuple[int, int] | None:
    """Charge and multiplicity of an XYZ comment that is just these two, as in the files of GMTKN55: `-1 1`."""
    found = _COMMENT.fullmatch(comment)
    return (int(found[1]), int(found[2])) if found else None


@final
@dataclass(frozen=True)
class StateRules:
    """`by_formula` has charge and multiplicity of some Hill formulas, then `charge` and `multiplicity` hold for all.

    What they leave open the file says, and what it leaves open is 0 and, with `lowest`, 1 or 2 as the electrons are even or odd;
    without it 1, so that a radical is never labelled as what it is not for want of a word.
    """

    charge: int | None = None
    multiplicity: int | None = None
    lowest: bool = False
    by_formula: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def parse(cls, *, charge: int | None, multiplicity: str | None, states: Sequence[str] = ()) -> StateRules:
        """From `--charge -1 --multiplicity 2|lowest --state OH=-1,1`."""
        lowest = multiplicity == LOWEST
        if multiplicity is not None and not lowest and not multiplicity.strip().isdecimal():
            raise InputError(f"multiplicity {multiplicity!r} is neither a whole number nor {LOWEST!r}")
        number = None if multiplicity is None or lowest else int(multiplicity)
        return cls(charge, number, lowest, dict(_rule(text) for text in states))

    def state(self, numbers: tuple[int, ...], *, charge: int | None, multiplicity: int | None) -> tuple[int, int]:
        """Of these atoms, whose file names this charge and multiplicity, None where it does not."""
        if (ruled := self.by_formula.get(formula(numbers))) is not None:
            return ruled
        total = next((value for value in (self.charge, charge) if value is not None), 0)
        spin = self.multiplicity if self.multiplicity is not None else multiplicity
        if spin is None:
            spin = 1 + (sum(numbers) - total) % 2 if self.lowest else 1
        return total, spin


def _rule(text: str) -> tuple[str, tuple[int, int]]:
    found = _RULE.fullmatch(text)
    atoms = _ATOMS.findall(found[1]) if found else []
    if found is None or "".join(symbol + count for symbol, count in atoms) != found[1]:
        raise InputError(f"state {text!r} is not of the form FORMULA=CHARGE,MULTIPLICITY, for example OH=-1,1")
    numbers = tuple(atomic_number(symbol) for symbol, count in atoms for _ in range(int(count or 1)))
    return formula(numbers), (int(found[2]), int(found[3]))
