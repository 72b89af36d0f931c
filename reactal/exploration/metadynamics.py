"""Metadynamics: hills where replicas have been push them to where none was.

Laio, Parrinello, PNAS 99, 12562 (2002); well-tempered: Barducci, Bussi, Parrinello, Phys. Rev. Lett. 100, 020603 (2008); many
walkers on one bias: Raiteri, Laio, Gervasio, Micheletti, Parrinello, J. Phys. Chem. B 110, 3533 (2006).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.exploration.biases import coordinates, differences, pulled
from reactal.exploration.collective import CollectiveVariable, measured
from reactal.exploration.moment import Moment
from reactal.units import KELVIN

__all__ = ["Hills", "Metadynamics", "Tempering"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SCHEMA = "hills-1"


@final
@dataclass(frozen=True, eq=False)
class Hills:
    """H hills: centres (H, K), heights (H,) eV; widths (K,), the standard deviations, are the same for all."""

    centres: Floats
    heights: Floats
    widths: Floats

    @classmethod
    def none(cls, widths: ArrayLike) -> Hills:
        wide = np.atleast_1d(np.asarray(widths, dtype=np.float64))
        if not (np.isfinite(wide).all() and (wide > 0).all()):
            raise InputError("the width of a hill must be above 0, in the unit of its collective variable")
        return cls(np.zeros((0, len(wide))), np.zeros(0), wide)

    def more(self, centres: Floats, heights: Floats) -> Hills:
        return Hills(np.concatenate([self.centres, centres]), np.concatenate([self.heights, heights]), self.widths)

    def to_json(self) -> str:
        """To inherit in the next run."""
        columns = {"centres": self.centres.tolist(), "heights": self.heights.tolist(), "widths": self.widths.tolist()}
        return json.dumps({"schema": SCHEMA, **columns})

    @classmethod
    def read(cls, file: Path) -> Hills:
        """`InputError` where the file holds no hills."""
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            if data["schema"] != SCHEMA:
                raise InputError(f"{file} has the format {data['schema']}, this version reads {SCHEMA}; update reactal")
            heights, widths = (np.asarray(data[name], dtype=np.float64) for name in ("heights", "widths"))
            return cls(np.asarray(data["centres"], dtype=np.float64).reshape(len(heights), len(widths)), heights, widths)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{file} holds no hills of metadynamics ({error}); give the file that an earlier run wrote"
            ) from error


@final
@dataclass(frozen=True)
class Tempering:
    """Hills of `height` eV every `pace` steps, lower where the bias is high already: times exp(-V / ((factor - 1) k T)), T in K.
    An infinite factor is metadynamics with hills of one height."""

    height: float = 0.03
    pace: int = 50
    factor: float = 10.0
    temperature: float = 300.0

    def __post_init__(self) -> None:
        if not (self.height > 0 and self.pace >= 1 and self.factor > 1 and self.temperature > 0):
            raise InputError(f"hills need a height, a pace and a temperature above 0 and a factor above 1, not {self}")

    def heights(self, bias: Floats) -> Floats:
        """Of hills where the bias is so high already (m,) eV."""
        return np.asarray(self.height * np.exp(-bias / ((self.factor - 1) * KELVIN * self.temperature)))


@final
class Metadynamics:
    """A `Bias` that all replicas build together."""

    def __init__(self, variables: Sequence[CollectiveVariable], hills: Hills, tempering: Tempering) -> None:
        if len(hills.widths) != len(variables):
            raise InputError(
                f"there are {len(hills.widths)} widths of hills for {len(variables)} collective variables; give one each"
            )
        self.variables, self.hills, self.tempering = tuple(variables), hills, tempering

    def pull(self, frames: Frames, alive: Ints, steps: Ints) -> tuple[Floats, Floats]:
        values, slopes = measured(self.variables, coordinates(frames))
        energy, along = self._felt(values)
        return energy, pulled(along, slopes)

    def learn(self, now: Moment) -> None:
        """A hill for each replica whose step it is; those that come together see one another's only afterwards."""
        due = (now.steps > 0) & (now.steps % self.tempering.pace == 0)
        if due.any():
            values, _ = measured(self.variables, coordinates(now.frames[np.flatnonzero(due)]))
            self.hills = self.hills.more(values, self.tempering.heights(self.energy(values)))

    def energy(self, values: Floats) -> Floats:
        """The bias (m,) eV at values (m, K)."""
        return self._felt(values)[0]

    def free_energy(self, values: ArrayLike) -> Floats:
        """What the hills have filled: (m,) eV at values (m, K) or (m,), up to a constant."""
        points = np.asarray(values, dtype=np.float64)
        share = self.tempering.factor / (self.tempering.factor - 1) if np.isfinite(self.tempering.factor) else 1.0
        return np.asarray(-share * self.energy(points.reshape(len(points), -1)))

    def _felt(self, values: Floats) -> tuple[Floats, Floats]:
        """Energies (m,) and forces on the variables (m, K)."""
        off = differences(self.variables, values[:, None], self.hills.centres) / self.hills.widths  # (m, H, K)
        height = self.hills.heights * np.exp(-0.5 * (off**2).sum(axis=2))
        return height.sum(axis=1), np.einsum("mh,mhk->mk", height, off) / self.hills.widths
