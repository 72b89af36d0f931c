"""Accuracy and doubt of a model on labelled structures: two chapters of a validation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.potentials.base import Prediction
from reactal.selection.descriptors import describe
from reactal.selection.nearest import nearest_squared
from reactal.stages.regions import REGIONS, regions
from reactal.stages.subject import Subject
from reactal.uncertainty.calibration import FLOOR
from reactal.validation.accuracy import Comparison, by_element, by_group, overall
from reactal.validation.base import Column, Curve, Findings, Geometry, Table
from reactal.validation.consistency import along_lines, consistency_table
from reactal.validation.reliability import coverage_table, rank_correlation, reliability_curves
from reactal.validation.verdicts import accuracy_outcomes, coverage_outcome

__all__ = ["check_accuracy", "check_consistency", "check_doubt", "doubt_of"]

Floats = NDArray[np.float64]
Words = NDArray[np.str_]

DRAWN = 2000  # points of a cloud; more are thinned evenly
WORST = 12  # structures shown
LINES = 40  # structures through which a random line is laid
QUARTERS = ("nearest quarter", "second quarter", "third quarter", "farthest quarter")


def check_accuracy(subject: Subject, frames: Frames, *, groups: Words | None = None, unseen: Words | None = None) -> Findings:
    """Of labelled frames. `groups` (n,) are further words to tell structures apart by; where `unseen` (n,) is given, only those
    with a word in it are judged: the model was not trained on them."""
    said = subject.potential.predict(frames)
    everything = Comparison(frames, said, relative=subject.relative)
    where = _regions(subject, frames)
    tables = [overall(everything), by_element(everything)]
    if groups is not None:
        tables.append(by_group(everything, groups, name="accuracy_by_set", title="Errors by set", heading="set"))
    if where is not None:
        order = np.asarray([REGIONS.index(word) for word in where])
        tables.append(_by_region(everything, where, np.argsort(order, kind="stable")))
    judged = np.ones(len(frames), dtype=bool) if unseen is None else unseen != ""
    distance = None if subject.training is None or not judged.any() else _distance(frames, subject.training)
    if distance is not None:
        tables.append(_by_distance(_only(everything, judged), distance[judged]))
    outcomes = accuracy_outcomes(
        _only(everything, judged), None if where is None else where[judged], subject.goals, unseen=unseen is not None
    )
    keys = tuple(frames.keys())
    curves = _parity(everything, keys) + (() if distance is None else (_far(everything, distance, keys),))
    return Findings(outcomes, tuple(tables), curves, _worst(everything, keys))


def check_doubt(subject: Subject, frames: Frames) -> Findings:
    """On labelled frames that the model was not trained on."""
    said = subject.potential.predict(frames)
    disagreement, error = said.disagreement(frames), Comparison(frames, said).worst_atom
    ratio = error / np.maximum(disagreement, FLOOR)
    covered = 0 if subject.factor is None else int((ratio <= subject.factor).sum())
    return doubt_of(subject, disagreement, error, covered=(covered, len(ratio)), keys=tuple(frames.keys()))


def doubt_of(
    subject: Subject, disagreement: Floats, error: Floats, *, covered: tuple[int, int], keys: tuple[str, ...] = ()
) -> Findings:
    """Of structures predicted before their labels were known: disagreement and largest force error (n,), eV/angstrom.
    `covered`: how many errors stayed below the bound they were given beforehand, of how many."""
    promised = subject.coverage if subject.factor is not None else None
    inside, points = covered
    outcome = coverage_outcome(inside, points, promised=promised, goals=subject.goals)
    if not disagreement.any():  # one method, which has nobody to disagree with
        return Findings((outcome,))
    known = () if promised is None or not points else ((promised, inside / points),)
    table = coverage_table(error / np.maximum(disagreement, FLOOR), known=known)
    rank = rank_correlation(disagreement, error)
    if np.isfinite(rank):
        sentence = f"the rank correlation of disagreement and error is {rank:.2f}"
        outcome = replace(outcome, evidence=(*outcome.evidence, sentence))
    return Findings((outcome,), (table,), reliability_curves(disagreement, error, keys=keys))


def check_consistency(subject: Subject, frames: Frames, *, rng: np.random.Generator, strays: float | None = None) -> Findings:
    """Forces against differences of the energy through some of the frames; `strays` (eV): the same along dynamics."""
    some = frames[np.sort(rng.permutation(len(frames))[:LINES])]
    return Findings(tables=(consistency_table(along_lines(subject.potential, some, rng=rng), strays=strays),))


def _only(comparison: Comparison, rows: NDArray[np.bool_]) -> Comparison:
    atoms, said = rows[comparison.frames.owner], comparison.said
    some = Prediction(said.energy[rows], said.forces[atoms], said.energy_spread[rows], said.force_spread[atoms])
    return Comparison(comparison.frames[rows], some, relative=comparison.relative)


def _regions(subject: Subject, frames: Frames) -> Words | None:
    """None where the frames are not all of the reaction's atoms."""
    if subject.ends is None:
        return None
    atoms = np.asarray(subject.ends.reactant.numbers)
    alike = all(np.array_equal(frames.numbers[frames.atoms(i)], atoms) for i in range(len(frames)))
    return regions(frames, subject.ends) if alike else None


def _by_region(comparison: Comparison, where: Words, order: NDArray[np.int64]) -> Table:
    table = by_group(comparison, where, name="accuracy_by_region", title="Errors by region", heading="region")
    rank = {str(word): place for place, word in enumerate(dict.fromkeys(where[order].tolist()))}
    return replace(table, rows=tuple(sorted(table.rows, key=lambda row: rank[str(row[0])])))


def _distance(frames: Frames, training: Frames) -> Floats:
    """To the nearest structure that was trained on (n,): of vectors of inverse distances, 1/angstrom."""
    here, known = describe(frames, training)
    return np.asarray(np.sqrt(nearest_squared(here, known)), dtype=np.float64)


def _by_distance(comparison: Comparison, distance: Floats) -> Table:
    place = np.searchsorted(np.quantile(distance, (0.25, 0.5, 0.75)), distance)
    words = np.asarray(QUARTERS)[place]
    table = by_group(
        comparison, words, name="accuracy_by_distance", title="Errors by distance", heading="distance to training data"
    )
    spans = {word: distance[words == word] for word in QUARTERS if (words == word).any()}
    rows = {str(row[0]): row for row in table.rows}
    ordered = tuple((f"{word}, {found.min():.3f} to {found.max():.3f}", *rows[word][1:]) for word, found in spans.items())
    note = "Of structures that were not trained on; between the vectors of all inverse interatomic distances, 1/Å."
    return replace(table, rows=ordered, note=note)


def _parity(comparison: Comparison, keys: tuple[str, ...]) -> tuple[Curve, ...]:
    frames, said = comparison.frames, comparison.said
    energy = (frames.energy, frames.energy + comparison.energy_error)
    zero = float(np.min(energy[0])) if len(frames) else 0.0
    some = _thinned(len(frames))
    parts = _thinned(frames.forces.size)
    owner = np.repeat(frames.owner, 3)[parts]
    return (
        _cloud("parity_energy", "Energies", "eV", energy[0][some] - zero, energy[1][some] - zero, tuple(keys[i] for i in some)),
        _cloud(
            "parity_force",
            "Force components",
            "eV/Å",
            frames.forces.reshape(-1)[parts],
            said.forces.reshape(-1)[parts],
            tuple(keys[i] for i in owner),
        ),
    )


def _cloud(figure: str, title: str, unit: str, reference: Floats, model: Floats, keys: tuple[str, ...]) -> Curve:
    x, y = Column("reference", unit), Column("model", unit)
    xs, ys = tuple(reference.tolist()), tuple(model.tolist())
    return Curve(figure, "accuracy", title, "structures", x, y, xs, ys, marks=True, keys=keys)


def _far(comparison: Comparison, distance: Floats, keys: tuple[str, ...]) -> Curve:
    x, y = Column("distance to training data", "1/Å"), Column("largest force error", "eV/Å")
    some = _thinned(len(distance))
    xs, ys = tuple(distance[some].tolist()), tuple(comparison.worst_atom[some].tolist())
    title, name = "Error by distance to what was trained on", "structures"
    return Curve("error_by_distance", "accuracy", title, name, x, y, xs, ys, marks=True, keys=tuple(keys[i] for i in some))


def _thinned(count: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, DRAWN)).astype(np.int64)) if count else np.zeros(0, np.int64)


def _worst(comparison: Comparison, keys: tuple[str, ...]) -> tuple[Geometry, ...]:
    error = comparison.worst_atom
    found = []
    for i in np.argsort(-error)[:WORST].tolist():
        energy = comparison.energy_error[i] / comparison.frames.sizes[i]
        facts = (("largest force error", f"{error[i]:.3f} eV/Å"), ("energy error", f"{1e3 * energy:.1f} meV/atom"))
        found.append(Geometry(keys[i], f"{error[i]:.2f} eV/Å", "worst", comparison.frames.structure(i), facts=facts))
    return tuple(found)
