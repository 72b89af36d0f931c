"""Barriers of a model at stationary points whose labels are known: a chapter of a validation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.potentials.base import Potential
from reactal.potentials.committee import Committee
from reactal.sections import Goals
from reactal.stages.refining import Refined
from reactal.units import KCAL_PER_MOL
from reactal.validation.base import Cell, Column, Curve, Findings, Geometry, Table
from reactal.validation.verdicts import barrier_outcome

__all__ = ["Heights", "Reaction", "barrier_findings", "heights_of"]

Floats = NDArray[np.float64]
UNTOLD = "no reference energy is known at its saddle"


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
    it is no barrier (no saddle, two negative modes, other elements), a sentence. `single`: the reference at the model's points,
    where `reference` is of the points that the reference was `refined` to."""

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
    single: Heights = Heights(None, None, None)
    refined: Refined | None = None

    def against(self, found: Refined) -> Reaction:
        """The reference at its own stationary points, where it reached them; else as it was, with what went wrong."""
        if found.energies is None:
            return replace(self, refined=found, single=self.reference)
        saddle = Geometry(
            f"{self.name}-refined", f"{self.name}, saddle of the reference", "saddle", found.points[1], group=self.name
        )
        own, geometries = Heights.of(found.energies), (*self.geometries, saddle)
        return replace(self, reference=own, single=self.reference, refined=found, geometries=geometries)

    @property
    def judged(self) -> bool:
        """Whether the reference knows a barrier."""
        return self.reference.forward is not None

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
    known = [(one.name, one.worst) for one in reactions if not one.stated and one.worst is not None and one.judged]
    stated = [f"{one.name}: {one.stated or UNTOLD}" for one in reactions if one.stated or not one.judged]
    outcome = barrier_outcome(known, stated, goals)
    curves = tuple(curve for reaction in reactions for curve in reaction.curves)
    geometries = tuple(geometry for reaction in reactions for geometry in reaction.geometries)
    tables = (_table(reactions), *_refinements(reactions))
    return Findings((outcome,), tables, (*_parity(reactions), *curves), geometries)


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
        Column("spread of reverse", kcal, detail=True),
        Column("spread of reaction", kcal, detail=True),
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
    spread = (reaction.spread.forward, reaction.spread.reverse, reaction.spread.reaction)
    return (reaction.name, *heights, *spread, reaction.worst, *facts, reaction.stated or "a barrier")


def _refinements(reactions: list[Reaction]) -> tuple[Table, ...]:
    """Where the reference has its own saddles."""
    kcal = "kcal/mol"
    rows: list[tuple[Cell, ...]] = []
    for one in reactions:
        if (found := one.refined) is not None:
            own = None if found.energies is None else one.reference.forward
            facts = (found.moved, found.force_left, found.gradients, found.why or "reached")
            rows.append((one.name, one.model.forward, one.single.forward, own, *facts))
    columns = (
        Column("reaction"),
        Column("model", kcal),
        Column("reference there", kcal),
        Column("at its own saddle", kcal),
        Column("saddles apart", "Å"),
        Column("force left", "eV/Å", detail=True),
        Column("gradients", detail=True),
        Column("refinement"),
    )
    note = "The reference at the model's stationary points, and at its own, to which its forces led from there."
    return (
        (Table("refined_barriers", "barriers", "Barriers at the reference's own saddles", columns, tuple(rows), note),)
        if rows
        else ()
    )


def _parity(reactions: list[Reaction]) -> tuple[Curve, ...]:
    """Both directions, with the committee's spread."""
    found = [one for one in reactions if not one.stated]
    curves = (_against(found, "forward"), _against(found, "reverse"))
    return tuple(curve for curve in curves if curve is not None)


def _against(reactions: list[Reaction], height: str) -> Curve | None:
    rows = []
    for one in reactions:
        model, reference, spread = (getattr(heights, height) for heights in (one.model, one.reference, one.spread))
        if model is not None and reference is not None:
            rows.append((reference, model, spread, next((g.key for g in one.geometries if g.kind == "saddle"), "")))
    if not rows:
        return None
    xs, ys, spreads, keys = zip(*rows, strict=True)
    known = () if None in spreads else spreads
    x, y = Column("reference barrier", "kcal/mol"), Column("model barrier", "kcal/mol")
    return Curve("barrier_parity", "barriers", "Barriers", height, x, y, xs, ys, known, marks=True, keys=keys)
