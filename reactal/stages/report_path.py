"""What a report says of the reaction itself: the path, the points on it, and the saddle's mode."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Structure
from reactal.exploration.alignment import superpose
from reactal.exploration.modes import frequencies, masses_of, vibrations
from reactal.potentials.committee import Committee
from reactal.report.data import PathProfile
from reactal.report.shown import Mode, Stationary
from reactal.report.wording import number
from reactal.stages.bench import Bench
from reactal.stages.report_structures import Album
from reactal.units import KCAL_PER_MOL

__all__ = ["path_profile", "saddle_mode", "stationary_points", "template_of"]

NEAR_PATH = 0.1  # angstrom, root mean square after turning; a labelled structure this near an image is shown on the path
ON_PATH = ("saddle", "path", "between", "top", "relax")  # roles of structures that may lie there
MODE_ATOMS = 24  # of more a Hessian takes longer than a page may

Floats = NDArray[np.float64]


def template_of(bench: Bench, state: CampaignState) -> Structure | None:
    """What all other structures are laid upon: the saddle, else the reactant."""
    if state.tests and (saddle := _kept(bench, state.tests[-1].key)) is not None:
        return saddle
    return _kept(bench, state.seeded.reactant) if state.seeded is not None else None


def path_profile(bench: Bench, state: CampaignState, committee: Committee | None, *, zero: float, album: Album) -> PathProfile:
    """Along the last band, relative to its reactant; `zero` is the reference's energy of the reactant (eV)."""
    if state.explored is None or committee is None:
        return PathProfile()
    band = bench.pools.get(state.explored.path)
    said = committee.predict(band)
    places = band.positions.reshape(len(band), -1, 3)
    progress = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=(1, 2)))])
    heights = (said.energy - said.energy[0]) / KCAL_PER_MOL
    images = [
        album.place_row(band, i, f"image {i + 1} of the path", note=f"{number(float(heights[i]), 1)} kcal/mol on the model")
        for i in range(len(band))
    ]
    near, where = _labelled_on(bench, state, band)
    true, ours = (near.energy - zero) / KCAL_PER_MOL, (committee.predict(near).energy - said.energy[0]) / KCAL_PER_MOL
    names = {key: name for name, key in _keys(state)}
    found = [near.structure(i) for i in range(len(near))]
    return PathProfile(
        progress=tuple(progress.tolist()),
        model_kcal=tuple(heights.tolist()),
        spread_kcal=tuple((said.energy_spread / KCAL_PER_MOL).tolist()),
        labelled_progress=tuple(np.interp(where, np.arange(len(band)), progress).tolist()),
        labelled_kcal=tuple(true.tolist()),
        names=tuple(names.get(structure.key, "") for structure in found),
        structures=tuple(images),
        labelled_structures=tuple(
            _place(album, near, i, reference=float(true[i]), model=float(ours[i])) for i in range(len(near))
        ),
        labelled_model_kcal=tuple(ours.tolist()),
    )


def _place(album: Album, rows: Frames, i: int, *, reference: float, model: float) -> int:
    role, iteration = (str(rows.extra[name][i]) if name in rows.extra else "" for name in ("role", "iteration"))
    note = f"{number(reference, 2)} kcal/mol in the reference, {number(model, 2)} on the newest model"
    return album.place(rows.structure(i), f"{role or 'labelled'}{f' of round {iteration}' if iteration else ''}", note=note)


def _labelled_on(bench: Bench, state: CampaignState, band: Frames) -> tuple[Frames, Floats]:
    """Labelled structures that lie on the path, and where: at which image, or how far between two."""
    images = band.positions.reshape(len(band), -1, 3)
    rows = bench.dataset(state.dataset)
    found: list[tuple[int, float]] = []
    for i in np.flatnonzero(np.isin(rows.extra.get("role", np.zeros(len(rows), dtype="U1")), ON_PATH)).tolist():
        at = rows.atoms(i)
        if not np.array_equal(rows.numbers[at], band.numbers[: images.shape[1]]):
            continue
        turned = superpose(np.broadcast_to(rows.positions[at], images.shape), images)
        gaps = np.sqrt(np.square(turned - images).sum(axis=2).mean(axis=1))
        if gaps.min() < NEAR_PATH:
            found.append((i, _between(images, turned, nearest=int(np.argmin(gaps)))))
    return rows[np.asarray([i for i, _ in found], dtype=np.int64)], np.asarray([where for _, where in found])


def _between(images: Floats, turned: Floats, *, nearest: int) -> float:
    """Where a structure laid on the nearest image stands between that image and the next one towards it."""
    best = float(nearest)
    for side in (-1, 1):
        if 0 <= nearest + side < len(images):
            step = images[nearest + side] - images[nearest]
            share = float(np.sum((turned[nearest] - images[nearest]) * step) / max(float(np.sum(step * step)), 1e-12))
            if 0.0 < share <= 1.0:
                best = nearest + side * share
    return best


def _keys(state: CampaignState) -> list[tuple[str, str]]:
    """The named points of a path by what they are called and their keys."""
    found = [("reactant", state.seeded.reactant), ("product", state.seeded.product)] if state.seeded else []
    return found + ([("saddle", state.tests[-1].key)] if state.tests else [])


def stationary_points(bench: Bench, state: CampaignState, album: Album) -> tuple[Stationary, ...]:
    """The ends, the saddle that was tested last, and every intermediate that the reference confirmed."""
    if state.seeded is None:
        return ()
    said = None if state.explored is None else (state.explored.ends_ev[1] - state.explored.ends_ev[0]) / KCAL_PER_MOL
    start = None if state.explored is None else 0.0
    found = [("reactant", state.seeded.reactant, start, 0.0, "")]
    if state.tests:
        test = state.tests[-1]
        modes = f"{test.negative_modes} negative mode{'' if test.negative_modes == 1 else 's'}"
        note = f"largest reference force {number(test.force_max, 3)} eV/Å, {modes}"
        found.append(("saddle", test.key, test.model_kcal, test.reference_kcal, note))
    intermediates = [probe for probe in state.probes if probe.intermediate]
    for count, probe in enumerate({probe.key: probe for probe in intermediates}.values(), 1):
        found.append((f"intermediate {count}", probe.key, None, probe.kcal or 0.0, ""))
    found.append(("product", state.seeded.product, said, state.seeded.reference_kcal, ""))
    points = []
    for name, key, model, reference, note in found:
        if (structure := _kept(bench, key)) is not None:
            points.append(Stationary(album.place(structure, name), name, model, reference, note))
    return tuple(points)


def saddle_mode(bench: Bench, state: CampaignState, committee: Committee | None, album: Album) -> Mode | None:
    """How the atoms move over the barrier; None where there is no saddle or it has too many atoms."""
    if committee is None or not state.tests:
        return None
    saddle = _kept(bench, state.tests[-1].key)
    if saddle is None or not 2 < len(saddle) <= MODE_ATOMS or saddle.cell is not None:
        return None
    masses, hessian = masses_of(saddle.numbers), committee.hessian(saddle)
    moves = vibrations(hessian, saddle.positions, masses)[1][0].reshape(-1, 3) / np.sqrt(masses)[:, None]
    turned = album.turned(moves / np.linalg.norm(moves), saddle)
    wavenumber = float(frequencies(hessian, saddle.positions, masses)[0])
    return Mode(album.place(saddle, "saddle"), tuple(np.round(turned, 5).reshape(-1).tolist()), wavenumber)


def _kept(bench: Bench, key: str) -> Structure | None:
    """A structure by its key, where its label is still there; a campaign whose ends failed has none."""
    entry = bench.labels.entry(bench.theory.fingerprint, key) if key else None
    return None if entry is None else entry.structure
