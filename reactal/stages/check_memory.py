"""What a campaign's models knew and still know, and how they follow strain: the rest of the chapter of uncertainty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Label, Structure
from reactal.labeling.base import LabelPool
from reactal.potentials.export import load_committee
from reactal.stages.bench import Bench
from reactal.stages.subject import Subject
from reactal.training.forgetting import force_mae
from reactal.validation.base import Cell, Column, Curve, Findings, Table

__all__ = ["SCALES", "check_forgetting", "check_strain"]

Floats = NDArray[np.float64]
CHAPTER = "uncertainty"
MODELS = 6  # of all iterations, the first and the last among them
SCALES = (0.92, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.2)  # of all distances, from an end


def check_forgetting(bench: Bench, state: CampaignState, rows: Frames) -> Findings:
    """Force errors of the models of several iterations on fixed sets: what the first was trained on (old), what came later (new),
    and both (hybrid). The ratio is the error on the old set over the first model's."""
    trainings = state.trainings
    old = (
        rows.extra["iteration"] <= trainings[0].iteration if trainings and "iteration" in rows.extra else np.zeros(0, dtype=bool)
    )
    if len(trainings) < 2 or not old.any() or old.all():
        return Findings()
    chosen = np.unique(np.linspace(0, len(trainings) - 1, MODELS).astype(int)).tolist()
    sets = {"old": rows[old], "new": rows[~old], "hybrid": rows}
    lines: list[tuple[Cell, ...]] = []
    first: float | None = None
    for i in chosen:
        model = load_committee(bench.models.get(trainings[i].model))
        errors = [1e3 * force_mae(model, frames) for frames in sets.values()]
        first = errors[0] if first is None else first
        lines.append((trainings[i].iteration, trainings[i].rows, *errors, errors[0] / first if first else None))
    heads = [Column(f"{name} ({len(frames)})", "meV/Å") for name, frames in sets.items()]
    columns = (Column("iteration"), Column("rows trained on"), *heads, Column("forgetting ratio"))
    title = "What earlier structures cost later models"
    note = "Force MAE; a ratio of one forgets nothing. Old structures were in every training set, new ones came to be in it."
    table = Table("forgetting", CHAPTER, title, columns, tuple(lines), note)
    return Findings(tables=(table,), curves=_learning(table, tuple(sets)))


def _learning(table: Table, names: tuple[str, ...]) -> tuple[Curve, ...]:
    x, y = Column("iteration"), Column("force MAE", "meV/Å")
    steps = tuple(float(row[0] or 0) for row in table.rows)
    return tuple(
        Curve("forgetting", CHAPTER, table.title, name, x, y, steps, tuple(float(row[2 + i] or 0.0) for row in table.rows))
        for i, name in enumerate(names)
    )


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
