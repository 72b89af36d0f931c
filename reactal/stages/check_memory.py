"""What a campaign's models knew and still know, and how they follow strain: the rest of the chapter of uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Label, Structure
from reactal.labeling.base import LabelPool
from reactal.stages.bench import Bench
from reactal.stages.forgetting import Forgotten, forgotten
from reactal.stages.subject import Subject
from reactal.validation.base import Cell, Column, Curve, Findings, Table

__all__ = ["SCALES", "check_forgetting", "check_strain"]

Floats = NDArray[np.float64]
CHAPTER = "uncertainty"
SETS = ("old", "new", "hybrid")
SCALES = (0.92, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.2)  # of all distances, from an end


def check_forgetting(bench: Bench, state: CampaignState) -> Findings:
    """Each training's force errors on rows that its members keep from themselves in all rounds: of earlier rounds (old), of the
    last (new), both (hybrid); and the error on the old ones over what it was before that training."""
    found = [forgotten(bench, state, number) for number in range(len(state.trainings))]
    if all(one.ratio is None for one in found):
        return Findings()
    errors = [[None if error is None else 1e3 * error for error in (one.old, one.new, one.hybrid)] for one in found]
    lines = tuple((one.iteration, one.rows, *three, one.ratio) for one, three in zip(found, errors, strict=True))
    heads = [Column(name, "meV/Å") for name in SETS]
    columns = (Column("iteration"), Column("rows held out"), *heads, Column("forgetting ratio"))
    title = "What each training forgot"
    note = "Force MAE on rows that no member was trained on; a ratio of one forgets nothing."
    return Findings(tables=(Table("forgetting", CHAPTER, title, columns, lines, note),), curves=_learning(title, found, errors))


def _learning(title: str, found: Sequence[Forgotten], errors: Sequence[Sequence[float | None]]) -> tuple[Curve, ...]:
    x, y = Column("iteration"), Column("force MAE", "meV/Å")
    curves = []
    for place, name in enumerate(SETS):
        pairs = [
            (float(one.iteration), value) for one, three in zip(found, errors, strict=True) if (value := three[place]) is not None
        ]
        steps, values = tuple(step for step, _ in pairs), tuple(value for _, value in pairs)
        curves.append(Curve("forgetting", CHAPTER, title, name, x, y, steps, values))
    return tuple(curves)


def check_strain(subject: Subject, pool: LabelPool | None) -> Findings:
    """Both ends pressed and stretched, all distances alike; with a `pool` against the labeler's energies and forces."""
    assert subject.ends is not None
    rows: list[tuple[Cell, ...]] = []
    curves: list[Curve] = []
    for name, end in (("reactant", subject.ends.reactant), ("product", subject.ends.product)):
        series = [_scaled(end, factor) for factor in SCALES]
        said = subject.potential.predict(Frames.of(series))
        labels = _labels(pool, series)
        doubt = said.disagreement(Frames.of(series))
        rest = SCALES.index(1.0)
        heights = said.energy - said.energy[rest]
        for i, factor in enumerate(SCALES):
            label, zero = labels[i], labels[rest]
            known = None if label is None or zero is None else label.energy - zero.energy
            wrong = None if label is None else _largest(said.forces.reshape(len(SCALES), -1, 3)[i] - label.forces)
            rows.append((name, factor, float(heights[i]), known, float(doubt[i]), wrong))
        curves += _curves(name, heights, labels, rest)
    units = (
        Column("model", "eV"),
        Column("reference", "eV"),
        Column("disagreement", "eV/Å"),
        Column("largest force error", "eV/Å"),
    )
    columns = (Column("from"), Column("all distances times"), *units)
    return Findings(tables=(Table("strain", CHAPTER, "Ends under strain", columns, tuple(rows)),), curves=tuple(curves))


def _scaled(end: Structure, factor: float) -> Structure:
    centre = end.positions.mean(axis=0)
    return end.moved(centre + factor * (end.positions - centre))


def _labels(pool: LabelPool | None, series: list[Structure]) -> list[Label | None]:
    found: list[Label | None] = [None] * len(series)
    for outcome in () if pool is None else pool.label(series):
        found[outcome.index] = outcome.answer if isinstance(outcome.answer, Label) else None
    return found


def _curves(name: str, heights: Floats, labels: list[Label | None], rest: int) -> list[Curve]:
    x, y = Column("all distances times"), Column("energy", "eV")
    out = [Curve("strain", CHAPTER, "Ends under strain", f"{name}, model", x, y, SCALES, tuple(heights.tolist()))]
    zero = labels[rest]
    known = [(factor, label.energy - zero.energy) for factor, label in zip(SCALES, labels, strict=True) if label and zero]
    if known:
        xs, ys = tuple(factor for factor, _ in known), tuple(energy for _, energy in known)
        out.append(Curve("strain", CHAPTER, "Ends under strain", f"{name}, reference", x, y, xs, ys, marks=True))
    return out


def _largest(forces: Floats) -> float:
    return float(np.linalg.norm(forces, axis=1).max())
