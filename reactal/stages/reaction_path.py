"""The way over a saddle, from minimum to minimum: its energies with the committee's doubt, and images to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.exploration.descent import Descent
from reactal.potentials.base import Potential
from reactal.units import KCAL_PER_MOL
from reactal.validation.base import Column, Curve, Geometry

__all__ = ["ReactionPath", "path_over", "path_shown"]

Floats = NDArray[np.float64]

IMAGES = 21
HELD = 2  # images on each side of the saddle that a labeler is asked for


@final
@dataclass(frozen=True, eq=False)
class ReactionPath:
    """images in order; progress (k,) angstrom along them; energies above the reactant and their spread over the committee (k,)
    eV; `asked`: the images that a reference is worth asking for, beside the one at the `top`."""

    images: Frames
    progress: Floats
    energy: Floats
    spread: Floats
    top: int
    asked: tuple[int, ...]

    def structures(self) -> list[Structure]:
        """Those that are asked for."""
        return [self.images.structure(i) for i in self.asked]


def path_over(potential: Potential, reactant: Structure, saddle: Structure, ways: tuple[Descent, Descent]) -> ReactionPath:
    """Up the first way and down the second, as many images as are worth a look, evenly spread along it. A way may end in
    another shape of the `reactant` than the one that energies are counted from."""
    up, down = (way.trajectory for way in ways)
    places = np.concatenate([up[::-1], saddle.positions[None], down])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=(1, 2))
    along = np.concatenate([[0.0], np.cumsum(steps)])
    even = np.searchsorted(along, np.linspace(0.0, along[-1], min(IMAGES, len(places)) - 1, endpoint=False))
    kept = np.unique([*even.tolist(), len(up), len(places) - 1])
    frames = Frames.repeat(saddle, places[kept])
    said, zero = potential.predict(frames), float(potential.predict(Frames.of([reactant])).energy[0])
    top = int(np.flatnonzero(kept == len(up))[0])
    return ReactionPath(frames, along[kept], said.energy - zero, said.energy_spread, top, _beside(top, len(kept)))


def path_shown(name: str, path: ReactionPath, known: Mapping[int, float]) -> tuple[tuple[Curve, ...], tuple[Geometry, ...]]:
    """For a figure and the viewer; `known`: the reference's energies at some images, above its reactant (eV)."""
    figure, title = f"path_{name}", f"Path of {name}"
    x, y = Column("progress along the path", "Å"), Column("energy above the reactant", "kcal/mol")
    heights = path.energy / KCAL_PER_MOL
    keys = tuple(f"{name}-path-{i}" for i in range(len(heights)))
    spread = _listed(path.spread / KCAL_PER_MOL) if path.spread.any() else ()
    curves = [Curve(figure, "barriers", title, "model", x, y, _listed(path.progress), _listed(heights), spread, keys=keys)]
    if known:
        rows = sorted(known)
        there = tuple(float(known[i]) / KCAL_PER_MOL for i in rows)
        at = _listed(path.progress[rows])
        curves.append(
            Curve(figure, "barriers", title, "reference", x, y, at, there, marks=True, keys=tuple(keys[i] for i in rows))
        )
    images = tuple(
        Geometry(
            key, f"{name}, image {i + 1}", "path", path.images.structure(i), group=name, facts=(("model", _height(heights[i])),)
        )
        for i, key in enumerate(keys)
    )
    return tuple(curves), images


def _beside(top: int, count: int) -> tuple[int, ...]:
    """Images on both sides of the saddle, evenly spread over each."""
    left = np.linspace(0, top, HELD + 2)[1:-1]
    right = np.linspace(top, count - 1, HELD + 2)[1:-1]
    return tuple(sorted({round(place) for place in (*left.tolist(), *right.tolist())} - {0, top, count - 1}))


def _height(kcal: float) -> str:
    return f"{kcal:z.2f} kcal/mol"


def _listed(values: Floats | Sequence[float]) -> tuple[float, ...]:
    return tuple(np.asarray(values, dtype=np.float64).tolist())
