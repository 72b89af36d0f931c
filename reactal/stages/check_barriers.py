"""Barriers of a model at stationary points whose labels are known: a chapter of a validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.potentials.base import Potential
from reactal.potentials.committee import Committee
from reactal.sections import Goals
from reactal.units import KCAL_PER_MOL
from reactal.validation.base import Cell, Column, Curve, Findings, Geometry, Table
from reactal.validation.verdicts import barrier_outcome

__all__ = ["Heights", "Reaction", "barrier_findings", "heights_of"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Heights:
    """kcal/mol: saddle above reactant, saddle above product, product above reactant; None where a point is missing."""

    forward: float | None
    reverse: float | None
    reaction: float | None

    @classmethod
    def of(cls, energies: tuple[float | None, float | None, float | None]) -> Heights:
        """From energies of reactant, saddle and product in eV."""
        reactant, saddle, product = energies

        def above(high: float | None, low: float | None) -> float | None:
            return None if high is None or low is None else (high - low) / KCAL_PER_MOL

        return cls(above(saddle, reactant), above(saddle, product), above(product, reactant))

    def pairs(self, other: Heights) -> list[tuple[float, float]]:
        """Of both, where both are known."""
        mine, theirs = (self.forward, self.reverse, self.reaction), (other.forward, other.reverse, other.reaction)
        return [(a, b) for a, b in zip(mine, theirs, strict=True) if a is not None and b is not None]


@final
@dataclass(frozen=True, eq=False)
class Reaction:
    """One reaction on the model and at the reference. `spread`: committee, of the three heights. `stated` is what was found where
    it is no barrier (no saddle, two negative modes, other elements), a sentence; `remarks` are further facts."""

    name: str
    model: Heights
    reference: Heights
    spread: Heights = Heights(None, None, None)
    negative_modes: int | None = None
    joins: bool | None = None
    force_left: float | None = None
    off_ts: float | None = None
    stated: str = ""
    geometries: tuple[Geometry, ...] = ()
    curves: tuple[Curve, ...] = ()

    @property
    def worst(self) -> float | None:
        """The largest error of the three, kcal/mol."""
        errors = [model - reference for model, reference in self.model.pairs(self.reference)]
        return max(errors, key=abs) if errors else None


def heights_of(potential: Potential, points: tuple[Structure, Structure, Structure]) -> tuple[Heights, Heights]:
    """Of reactant, saddle and product: the potential's, and one standard deviation over its members."""
    frames = Frames.of(list(points))
    if not isinstance(potential, Committee):
        energies = potential.predict(frames).energy
        return Heights.of((float(energies[0]), float(energies[1]), float(energies[2]))), Heights(None, None, None)
    members, _ = potential.energies_and_forces_members(frames)
    mean = members.mean(axis=0)
    spread = [float(np.std(members[:, high] - members[:, low]) / KCAL_PER_MOL) for high, low in ((1, 0), (1, 2), (2, 0))]
    return Heights.of((float(mean[0]), float(mean[1]), float(mean[2]))), Heights(*spread)


def barrier_findings(reactions: list[Reaction], goals: Goals) -> Findings:
    """Table, parity and verdict of all."""
    errors = [(reaction.name, reaction.worst) for reaction in reactions if not reaction.stated]
    known = [(name, worst) for name, worst in errors if worst is not None]
    stated = [f"{reaction.name}: {reaction.stated}" for reaction in reactions if reaction.stated]
    outcome = barrier_outcome(known, stated, goals)
    curves = tuple(curve for reaction in reactions for curve in reaction.curves)
    geometries = tuple(geometry for reaction in reactions for geometry in reaction.geometries)
    return Findings((outcome,), (_table(reactions),), (*_parity(reactions), *curves), geometries)


def _table(reactions: list[Reaction]) -> Table:
    kcal = "kcal/mol"
    columns = (
        Column("reaction"),
        *(
            Column(f"{height} {who}", kcal, detail=height != "forward")
            for height in ("forward", "reverse", "reaction")
            for who in ("model", "reference")
        ),
        Column("spread", kcal),
        Column("largest error", kcal),
        Column("negative modes", detail=True),
        Column("joins ends", detail=True),
        Column("reference force", "eV/Å", detail=True),
        Column("off by", "Å"),
        Column("found"),
    )
    note = "Spread: one standard deviation of the committee; off by: root mean square distance from the reference's saddle."
    return Table("barriers", "barriers", "Barriers", columns, tuple(_row(reaction) for reaction in reactions), note)


def _row(reaction: Reaction) -> tuple[Cell, ...]:
    model, reference = reaction.model, reaction.reference
    heights = (model.forward, reference.forward, model.reverse, reference.reverse, model.reaction, reference.reaction)
    facts = (reaction.negative_modes, reaction.joins, reaction.force_left, reaction.off_ts)
    return (reaction.name, *heights, reaction.spread.forward, reaction.worst, *facts, reaction.stated or "a barrier")


def _parity(reactions: list[Reaction]) -> tuple[Curve, ...]:
    found = [r for r in reactions if not r.stated and r.model.forward is not None and r.reference.forward is not None]
    if not found:
        return ()
    x, y = Column("reference barrier", "kcal/mol"), Column("model barrier", "kcal/mol")
    spread = tuple(float(r.spread.forward) for r in found if r.spread.forward is not None)
    return (
        Curve(
            "barrier_parity",
            "barriers",
            "Barriers",
            "forward",
            x,
            y,
            tuple(float(r.reference.forward or 0.0) for r in found),
            tuple(float(r.model.forward or 0.0) for r in found),
            spread if len(spread) == len(found) else (),
            marks=True,
            keys=tuple(next((g.key for g in r.geometries if g.kind == "saddle"), "") for r in found),
        ),
    )
