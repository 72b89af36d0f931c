"""Dynamics on a model: does energy stay, do molecules survive, how do they move? A chapter of a validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.chem.elements import SYMBOLS
from reactal.exploration.dynamics import Trajectories, langevin
from reactal.exploration.guards import Ended, Guards
from reactal.exploration.modes import masses_of
from reactal.potentials.base import Potential
from reactal.potentials.committee import Committee
from reactal.potentials.driving import DrivenCommittee
from reactal.progress import Progress
from reactal.sections import Goals
from reactal.units import KELVIN
from reactal.validation.base import Cell, Column, Curve, Findings, Table
from reactal.validation.consistency import along_path
from reactal.validation.trajectories import (
    Drift,
    diffusion,
    energy_drift,
    mean_square_displacement,
    pair_distances,
    radial_distribution,
    velocities_of,
    vibrational_spectrum,
)
from reactal.validation.verdicts import stability_outcome

__all__ = ["Followed", "check_dynamics"]

Floats = NDArray[np.float64]

TIMESTEP = 0.5  # fs
LEAST_STEPS = 20  # of a run from which anything but its end is read
AVERAGED = 20  # steps of a point of the curve of the total energy
CHAPTER = "dynamics"
REACH = 6.0  # angstrom, of radial distributions
HIGHEST = 4500.0  # cm^-1 shown
PHYSICAL = (Ended.COMPLETED.value, Ended.SEPARATED.value)
# no limit of doubt: the question is what the potential does, not what the committee thinks of it
BODILY = Guards(trust=float("inf"), cap=float("inf"), temperature_factor=40.0, separation=float("inf"))


@final
@dataclass(frozen=True)
class Followed:
    """What dynamics is run: so many femtoseconds each, 0 for none, at these temperatures (K), so many seeds from each start."""

    fs: float
    temperatures: tuple[float, ...] = (300.0, 600.0)
    seeds: int = 2


@final
@dataclass(frozen=True, eq=False)
class _Run:
    """One replica: where it began, its bath (K), how long it lasted (fs) and why it ended; positions, forces (k, N, 3), potential
    and total energies (k,)."""

    start: str
    structure: Structure
    bath: float
    lasted: float
    reason: str
    positions: Floats
    forces: Floats
    energies: Floats
    total: Floats

    @property
    def drift(self) -> Drift:
        return energy_drift(self.total, timestep_fs=TIMESTEP, atoms=len(self.structure))


def check_dynamics(
    potential: Potential,
    starts: Sequence[tuple[str, Structure]],
    goals: Goals,
    *,
    follow: Followed,
    rng: np.random.Generator,
    progress: Progress,
) -> Findings:
    """Constant-energy runs from named structures of the same atoms."""
    progress.begin("dynamics")
    runs = _runs(potential, starts, follow, rng)
    failed = [run for run in runs if run.reason not in PHYSICAL]
    endings = (
        "all ended as they should" if not failed else "; ".join(f"{run.start} at {run.bath:g} K: {run.reason}" for run in failed)
    )
    lasted = [run.lasted if run.reason not in PHYSICAL else max(run.lasted, follow.fs) for run in runs]
    outcome = stability_outcome(lasted, goals, ran_fs=follow.fs, endings=endings)
    table = _table(runs)
    progress.end(f"{len(runs) - len(failed)} of {len(runs)} runs stayed physical for {follow.fs:g} fs")
    whole = [run for run in runs if len(run.positions) > LEAST_STEPS]
    curves = (*_survival(runs, follow), *_drifts(whole), *_spectra(whole), *_distributions(whole), *_spreading(whole))
    return Findings((outcome,), (table,), curves)


def _runs(
    potential: Potential, starts: Sequence[tuple[str, Structure]], follow: Followed, rng: np.random.Generator
) -> list[_Run]:
    plan = [(name, structure, bath) for name, structure in starts for bath in follow.temperatures for _ in range(follow.seeds)]
    baths = np.asarray([bath for _, _, bath in plan])
    found = langevin(
        _driven(potential),
        Frames.of([structure for _, structure, _ in plan]),
        temperatures=baths,
        steps=round(follow.fs / TIMESTEP),
        timestep_fs=TIMESTEP,
        friction=0.0,
        guards=BODILY,
        rng=rng,
        stride=1,
    )
    return [_run(found, i, name, structure, bath) for i, (name, structure, bath) in enumerate(plan)]


def _driven(potential: Potential) -> Potential:
    """The same numbers, sooner."""
    if isinstance(potential, Committee):
        return DrivenCommittee(potential, dtype=potential.dtype)
    return potential


def _run(found: Trajectories, replica: int, name: str, structure: Structure, bath: float) -> _Run:
    frames = found.frames[np.flatnonzero(found.frames.extra["replica"] == replica)]
    ending = next(ending for ending in found.endings if ending.replica == replica)
    shape = (len(frames), len(structure), 3)
    kinetic = 1.5 * len(structure) * KELVIN * frames.extra["temperature"]  # the kinetic temperature counts all 3N directions
    return _Run(
        name,
        structure,
        bath,
        ending.step * TIMESTEP,
        ending.reason,
        frames.positions.reshape(shape),
        frames.forces.reshape(shape),
        frames.energy,
        frames.energy + kinetic,
    )


def _table(runs: Sequence[_Run]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for run in runs:
        drift = run.drift
        strays = along_path(run.positions, run.energies, run.forces) if len(run.positions) > 1 else float("nan")
        rows.append(
            (
                run.start,
                run.bath,
                run.lasted,
                run.reason,
                _cell(drift.slope),
                _cell(drift.noise),
                _cell(1e3 * strays),
                _diffusion(run),
            )
        )
    columns = (
        Column("from"),
        Column("temperature", "K"),
        Column("lasted", "fs"),
        Column("ended"),
        Column("drift", "meV/atom/ps"),
        Column("noise", "meV/atom"),
        Column("energy strays from work", "meV"),
        Column("diffusion", "cm²/s"),
    )
    note = f"Velocity Verlet with {TIMESTEP:g} fs and no bath; diffusion after Einstein, in a cell alone."
    return Table("dynamics", CHAPTER, "Dynamics at constant energy", columns, tuple(rows), note)


def _survival(runs: Sequence[_Run], follow: Followed) -> tuple[Curve, ...]:
    """Of each temperature, the share of runs that were still physical after a time; none where all were to the end."""
    if all(run.reason in PHYSICAL for run in runs):
        return ()
    x, y = Column("time", "fs"), Column("share of runs still physical")
    out = []
    for bath in follow.temperatures:
        same = [run for run in runs if run.bath == bath]
        lost = sorted(run.lasted for run in same if run.reason not in PHYSICAL)
        left = [1 - count / len(same) for count in range(len(lost) + 1)]
        times = [0.0, *(time for time in lost for _ in range(2)), follow.fs]
        shares = [share for share in left for _ in range(2)]
        out.append(Curve("stability", CHAPTER, "How long runs stay physical", f"{bath:g} K", x, y, tuple(times), tuple(shares)))
    return tuple(out)


def _drifts(runs: Sequence[_Run]) -> tuple[Curve, ...]:
    x, y = Column("time", "fs"), Column("total energy", "meV/atom")
    title = f"Total energy, means of {AVERAGED * TIMESTEP:g} fs"  # the noise of each step would hide the drift
    out = []
    for run in runs:
        total = 1e3 * (run.total - run.total[0]) / len(run.structure)
        means = total[: len(total) // AVERAGED * AVERAGED].reshape(-1, AVERAGED).mean(axis=1)
        times = TIMESTEP * (AVERAGED * np.arange(len(means)) + (AVERAGED - 1) / 2)
        name = f"{run.start}, {run.bath:g} K"
        out.append(Curve("energy_drift", CHAPTER, title, name, x, y, tuple(times.tolist()), tuple(means.tolist())))
    return tuple(out)


def _spectra(runs: Sequence[_Run]) -> tuple[Curve, ...]:
    """Of the colder runs, where vibrations are nearly harmonic; one curve a start."""
    x, y = Column("wavenumber", "cm⁻¹"), Column("intensity", "cm")
    out = []
    cold = [run for run in runs if run.bath == min(run.bath for run in runs)]
    for name in dict.fromkeys(run.start for run in cold):
        same = [run for run in cold if run.start == name and len(run.positions) == max(len(r.positions) for r in cold)]
        if not same:
            continue
        found = [
            vibrational_spectrum(
                velocities_of(run.positions, timestep_fs=TIMESTEP), masses_of(run.structure.numbers), timestep_fs=TIMESTEP
            )
            for run in same
        ]
        axis, intensity = found[0][0], np.mean([power for _, power in found], axis=0)
        shown = axis < HIGHEST
        title = "Spectrum of the velocities"
        out.append(Curve("vacf", CHAPTER, title, name, x, y, tuple(axis[shown].tolist()), tuple(intensity[shown].tolist())))
    return tuple(out)


def _distributions(runs: Sequence[_Run]) -> tuple[Curve, ...]:
    """Of all runs together, a curve for each pair of elements."""
    if not runs:
        return ()
    first = runs[0].structure
    numbers, periodic = np.asarray(first.numbers), any(first.pbc)
    cell = np.asarray(first.cell) if periodic and first.cell is not None else None
    volume = None if cell is None else float(abs(np.linalg.det(cell)))
    reach = REACH if cell is None else min(REACH, float(np.linalg.norm(cell, axis=1).min()) / 2)
    x, y = Column("distance", "Å"), Column("density of distances", "1/Å") if cell is None else Column("g")
    out = []
    for a, b in combinations_with_replacement(np.unique(numbers).tolist(), 2):
        each = [pair_distances(run.positions[::5], numbers == a, numbers == b, cell) for run in runs]
        steps = sum(len(run.positions[::5]) for run in runs)
        if not (pairs := len(np.concatenate(each)) // max(steps, 1)):
            continue
        middle, g = radial_distribution(np.concatenate(each), steps=steps, pairs=pairs, reach=reach, volume=volume)
        name = f"{SYMBOLS[a]}–{SYMBOLS[b]}"
        out.append(Curve("rdf", CHAPTER, "Radial distribution", name, x, y, tuple(middle.tolist()), tuple(g.tolist())))
    return tuple(out)


def _spreading(runs: Sequence[_Run]) -> tuple[Curve, ...]:
    """Where there is a cell to diffuse in."""
    x, y = Column("time", "fs"), Column("mean square displacement", "Å²")
    out = []
    for run in runs:
        if not any(run.structure.pbc):
            continue
        moved = mean_square_displacement(run.positions, masses_of(run.structure.numbers))
        times, name = TIMESTEP * np.arange(len(moved)), f"{run.start}, {run.bath:g} K"
        out.append(Curve("msd", CHAPTER, "Diffusion", name, x, y, tuple(times.tolist()), tuple(moved.tolist())))
    return tuple(out)


def _diffusion(run: _Run) -> float | None:
    """cm^2/s; None where there is no cell to diffuse in, or too little of a run."""
    if not any(run.structure.pbc) or len(run.positions) <= LEAST_STEPS:
        return None
    return diffusion(mean_square_displacement(run.positions, masses_of(run.structure.numbers)), timestep_fs=TIMESTEP)


def _cell(value: float) -> float | None:
    return value if np.isfinite(value) else None
