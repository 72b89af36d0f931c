"""What a report says of many structures at once: how well they were predicted, and where they lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.events import BatchChosen, Event, Explored
from reactal.chem import Frames, Label, Structure
from reactal.potentials.committee import Committee
from reactal.potentials.latent import latent_features
from reactal.report.data import ParityPoints
from reactal.report.shown import DISTANCES, LATENT, MapPoints, WorstRow
from reactal.report.wording import number
from reactal.selection.descriptors import describe
from reactal.stages.bench import Bench
from reactal.stages.report_structures import Album, rows_spread
from reactal.stages.summary import RECENT
from reactal.units import KCAL_PER_MOL

__all__ = ["Foretold", "blind", "exploration_map", "foretold", "trained_on", "worst"]

PARITY_ATOMS = 4000  # of the rows predicted anew; a page must be made quickly
MAP_ROWS, MAP_UNSEEN = 1500, 500  # labelled structures, and explored ones without a label
WORST = 6
TOLD_APART = 0.1  # of the structures' spread

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Foretold:
    """A structure as it was predicted before it was labelled, and its label; energies in eV above the reactant, forces (N, 3)."""

    key: str
    place: int  # in the report
    iteration: int
    arm: str
    role: str
    disagreement: float
    energy: float
    energy_model: float
    forces: Floats
    forces_model: Floats

    @property
    def force_error_max(self) -> float:
        """Of an atom, eV/angstrom."""
        return float(np.linalg.norm(self.forces - self.forces_model, axis=1).max())


def foretold(bench: Bench, events: Sequence[Event], rows: Frames, *, zero: float, album: Album) -> tuple[Foretold, ...]:
    """Every structure of every batch that has a label; labels of the dataset are not read a second time."""
    have = dict(zip(rows.keys(), range(len(rows)), strict=True))
    found: list[Foretold] = []
    model_zero = 0.0
    for event in events:
        if isinstance(event, Explored):
            model_zero = event.ends_ev[0]
        if isinstance(event, BatchChosen):
            found += _batch(bench, event, rows, have, zeros=(zero, model_zero), album=album)
    return tuple(found)


def _batch(
    bench: Bench, event: BatchChosen, rows: Frames, have: dict[str, int], *, zeros: tuple[float, float], album: Album
) -> Iterator[Foretold]:
    pool = bench.pools.get(event.batch)
    keys = pool.keys()
    others = bench.labels.get_many(bench.theory.fingerprint, [key for key in keys if key not in have])
    for i, key in enumerate(keys):
        if (label := others.get(key)) is None and key not in have:
            continue
        if label is not None and not isinstance(label, Label):
            continue  # a failure
        energy = float(rows.energy[have[key]]) if label is None else label.energy
        forces = rows.forces[rows.atoms(have[key])] if label is None else label.forces
        forces_model = pool.forces[pool.atoms(i)]
        role, doubt = str(pool.extra["role"][i]), float(pool.extra["disagreement"][i])
        height, worst_force = (energy - zeros[0]) / KCAL_PER_MOL, float(np.linalg.norm(forces - forces_model, axis=1).max())
        note = (
            f"{number(height, 1)} kcal/mol in the reference; predicted with a force error of up to {number(worst_force)} eV/Å "
            f"and a disagreement of {number(doubt)} eV/Å"
        )
        place = album.place(pool.structure(i), f"{role} {i + 1} of round {event.iteration}", note=note, key=key)
        model = float(pool.energy[i]) - zeros[1]
        arm = str(pool.extra["arm"][i])
        yield Foretold(key, place, event.iteration, arm, role, doubt, energy - zeros[0], model, forces, forces_model)


def blind(seen: Sequence[Foretold]) -> ParityPoints:
    """The random arm: as predicted before it was labelled."""
    arm = [one for one in seen if one.arm == "random"]
    if not arm:
        return ParityPoints()
    return _parity(
        np.asarray([one.energy for one in arm]),
        np.asarray([one.energy_model for one in arm]),
        np.concatenate([one.forces for one in arm]),
        np.concatenate([one.forces_model for one in arm]),
        structures=[one.place for one in arm],
        of=len(arm),
    )


def worst(seen: Sequence[Foretold]) -> tuple[WorstRow, ...]:
    """Of the last rounds, whatever they were chosen for: earlier models are not the one that is handed over."""
    newest = sorted({one.iteration for one in seen})[-RECENT:]
    recent = sorted((one for one in seen if one.iteration in newest), key=lambda one: -one.force_error_max)
    return tuple(WorstRow(one.place, one.force_error_max, one.disagreement, one.iteration, one.role) for one in recent[:WORST])


def trained_on(rows: Frames, committee: Committee | None, *, zero: float, album: Album) -> ParityPoints:
    """The rows the newest model was trained on, or as many of them, evenly spread, as can be predicted quickly."""
    if committee is None or not len(rows):
        return ParityPoints()
    most = max(50, int(PARITY_ATOMS / float(rows.sizes.mean())))
    kept = rows[rows_spread(len(rows), most)]
    said = committee.predict(kept)
    return _parity(
        kept.energy - zero,
        said.energy - zero,
        kept.forces,
        said.forces,
        structures=[_placed(album, kept, i, zero=zero) for i in range(len(kept))],
        of=len(rows),
    )


def _parity(
    energy: Floats, energy_model: Floats, forces: Floats, forces_model: Floats, *, structures: Sequence[int], of: int
) -> ParityPoints:
    return ParityPoints(
        tuple((energy / KCAL_PER_MOL).tolist()),
        tuple((energy_model / KCAL_PER_MOL).tolist()),
        tuple(forces.reshape(-1).tolist()),
        tuple(forces_model.reshape(-1).tolist()),
        tuple(structures),
        of,
    )


def exploration_map(
    rows: Frames,
    *,
    unseen: Frames,
    band: Frames,
    marks: Sequence[tuple[str, Structure]],
    zeros: tuple[float, float],
    album: Album,
    committee: Committee | None = None,
) -> MapPoints | None:
    """The labelled rows and some of what was explored last, in the plane in which the labelled ones differ most. `zeros` are
    what reference and model say of the reactant (eV). The committee's own space is taken where it tells the ends apart."""
    if len(rows) < 3:
        return None
    zero, model_zero = zeros
    before = len(rows) + len(unseen)
    rows, unseen = (some[rows_spread(len(some), most)] for some, most in ((rows, MAP_ROWS), (unseen, MAP_UNSEEN)))
    unseen = unseen[np.isfinite(np.add.reduceat(unseen.positions.sum(axis=1), unseen.offsets[:-1]))] if len(unseen) else unseen
    named = Frames.of([structure for _, structure in marks])
    beside = Frames.concat([part for part in (unseen, band, named) if len(part)] or [Frames.of([])])
    labelled, others, space = _described(rows, beside, committee, marks=len(marks))
    middle = labelled.mean(axis=0, dtype=np.float64)
    _, size, axes = np.linalg.svd(labelled - middle, full_matrices=False)
    axes = axes[:2]
    flat = np.concatenate([(labelled - middle) @ axes.T] + ([(others - middle) @ axes.T] if len(others) else []))
    flat = _facing(flat if flat.shape[1] == 2 else np.pad(flat, ((0, 0), (0, 1))), first=len(flat) - len(marks), marks=len(marks))
    seen, free, way, points = np.split(flat, np.cumsum([len(rows), len(unseen), len(band)]))
    rounds = rows.extra.get("iteration", np.zeros(len(rows), dtype=np.int64)).astype(int).tolist()
    places = [_placed(album, rows, i, zero=zero) for i in range(len(rows))]
    places += [album.place_row(unseen, i, f"explored last, {i + 1}", note="not labelled") for i in range(len(unseen))]
    shown = np.concatenate([seen, free])
    heights = np.concatenate([rows.energy - zero, unseen.energy - model_zero]) / KCAL_PER_MOL
    return MapPoints(
        x=tuple(np.round(shown[:, 0], 5).tolist()),
        y=tuple(np.round(shown[:, 1], 5).tolist()),
        iteration=(*rounds, *([-1] * len(unseen))),
        structures=tuple(places),
        energy_kcal=tuple(np.round(heights, 4).tolist()),
        role=tuple(role for part in (rows, unseen) for role in _roles(part)),
        path_x=tuple(way[:, 0].tolist()),
        path_y=tuple(way[:, 1].tolist()),
        marks=tuple((name, float(x), float(y)) for (name, _), (x, y) in zip(marks, points, strict=True)),
        explained=tuple((np.square(size[:2]) / max(float(np.square(size).sum()), 1e-12)).tolist()),
        thinned_from=before,
        space=space,
    )


def _described(rows: Frames, beside: Frames, committee: Committee | None, *, marks: int) -> tuple[Floats, Floats, str]:
    """Vectors of both, and what they are. To a network like atoms are alike: where a reaction only exchanges them its two ends
    are one point, and a map in that space would be folded."""
    if committee is not None and len(beside):
        both = latent_features(committee, Frames.concat([rows, beside])).astype(np.float64)
        ends = both[[len(both) - marks, -1]] if marks > 1 else both[:0]
        spread = float(np.sqrt(np.square(both - both.mean(axis=0)).sum(axis=1).mean()))
        if len(ends) and np.isfinite(both).all() and float(np.linalg.norm(ends[1] - ends[0])) > TOLD_APART * spread:
            return both[: len(rows)], both[len(rows) :], LATENT
    labelled, others = describe(rows, beside)
    return labelled.astype(np.float64), others.astype(np.float64), DISTANCES


def _roles(frames: Frames) -> list[str]:
    return [str(role) for role in frames.extra["role"]] if "role" in frames.extra else [""] * len(frames)


def _facing(flat: Floats, *, first: int, marks: int) -> Floats:
    """The last named point, which is the product, to the right of the first: the sign of a component means nothing."""
    if marks > 1 and flat[-1, 0] < flat[first, 0]:
        flat = flat * np.asarray([-1.0, 1.0])
    if marks > 2 and flat[first + 1, 1] < flat[[first, -1], 1].mean():
        flat = flat * np.asarray([1.0, -1.0])
    return np.asarray(flat, dtype=np.float64)


def _placed(album: Album, rows: Frames, i: int, *, zero: float) -> int:
    role, iteration = (str(rows.extra[name][i]) if name in rows.extra else "" for name in ("role", "iteration"))
    words = f"{role or 'labelled'}{f' of round {iteration}' if iteration else ''}"
    note = f"{number((float(rows.energy[i]) - zero) / KCAL_PER_MOL, 1)} kcal/mol in the reference"
    return album.place(rows.structure(i), words, note=note)
