"""Labelled pools and their test sets for benchmarks/compare.py, from published data that are read and never copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import ase.io
import ase.units
import numpy as np

from reactal.chem import Frames, Label, Structure

__all__ = ["SETS", "Pool"]

KCAL = ase.units.kcal / ase.units.mol  # in eV
HIGHEST_FORCE = 15.0  # eV/angstrom; beyond it nothing is chosen or tested, as a campaign would not train on it


@dataclass(frozen=True, eq=False)
class Pool:
    """`reactive` is the region of the test set in which bonds break, "" where none does."""

    name: str
    pool: Frames
    test: Frames
    reactive: str
    notes: tuple[str, ...]


def rmd17(molecule: str) -> Callable[[Path], Pool]:
    """Revised MD17 (Christensen and von Lilienfeld 2020): PBE/def2-SVP along dynamics at 500 K."""

    def read(data: Path) -> Pool:
        parts = []
        for part in ("train", "test"):
            with np.load(data / f"forces/rmd17_a/rmd17_{molecule}_{part}_01.npz", allow_pickle=False) as file:
                template = Structure(tuple(file["nuclear_charges"].tolist()), file["coords"][0])
                frames = Frames.repeat(template, file["coords"])
                parts.append(_labelled(frames, file["energies"] * KCAL, file["forces"].reshape(-1, 3) * KCAL))
        test = parts[1][_some(len(parts[1]), 200)]
        return Pool(f"rmd17_{molecule}", parts[0], test, "", (f"rMD17 {molecule}, split 01; 200 of its test structures",))

    return read


# channel: charge is 0; one channel for each composition, since others of the same atoms are in another spin state
HELD_OUT = 50
CHANNELS: Mapping[str, int] = {"01": 2, "03": 2, "08": 1, "11": 3}  # multiplicity


def h2combustion(data: Path) -> Pool:
    """Hydrogen combustion (Guan et al., Sci. Data 9, 215 (2022)): wB97X-V/cc-pVTZ. To choose from: displacements along normal
    modes and dynamics; to test on: the reaction paths, and what is held out of both."""
    chosen: list[Frames] = []
    tests: list[Frames] = []
    for kind in ("nm", "aimd"):
        frames = _channels(data, kind)
        rows = np.random.default_rng(7).permutation(len(frames))
        tests.append(frames[np.sort(rows[:HELD_OUT])].with_extra(region=np.full(HELD_OUT, kind)))
        chosen.append(frames[np.sort(rows[HELD_OUT:])])
    path = _channels(data, "irc")
    path = path[_some(len(path), 120)]
    tests.insert(0, path.with_extra(region=np.full(len(path), "path")))
    note = f"channels {', '.join(CHANNELS)} of hydrogen combustion; structures with a force above {HIGHEST_FORCE:g} eV/Å left out"
    return Pool("h2combustion", Frames.concat(chosen), Frames.concat(tests), "path", (note,))


def botnet_ethanol(data: Path) -> Pool:
    """Ethanol at PBE/def2-SVP (Batatia et al. 2022): dynamics to choose from; dissociation of the O-H bond, of which energies are
    known, and held-out dynamics to test on."""
    folder = data / "forces/botnet_ethanol"
    pool = _extended_xyz(folder / "train.xyz")
    dynamics = _extended_xyz(folder / "test_MD.xyz")
    dynamics = dynamics[_some(len(dynamics), 100)]
    apart = _extended_xyz(folder / "test_H_removal.xyz")
    test = Frames.concat(
        [
            apart.with_extra(region=np.full(len(apart), "dissociation")),
            dynamics.with_extra(region=np.full(len(dynamics), "dynamics")),
        ]
    )
    note = "the pool is of dynamics: no strategy can choose a dissociated structure, which it does not hold"
    return Pool("botnet_ethanol", pool, test, "dissociation", (note,))


SETS: Mapping[str, Callable[[Path], Pool]] = {
    "h2combustion": h2combustion,
    "rmd17_ethanol": rmd17("ethanol"),
    "rmd17_malonaldehyde": rmd17("malonaldehyde"),
    "botnet_ethanol": botnet_ethanol,
}


def _channels(data: Path, kind: str) -> Frames:
    structures, labels = [], []
    with np.load(data / f"reactive/h2combustion/h2comb_{kind}.npz", allow_pickle=False) as file:
        for row, source in enumerate(file["source"].tolist()):
            channel, atoms = source.split("_")[0], int(file["N"][row])
            forces = file["F"][row, :atoms] * KCAL
            if channel not in CHANNELS or np.linalg.norm(forces, axis=1).max() > HIGHEST_FORCE:
                continue
            numbers = tuple(file["Z"][row, :atoms].tolist())
            structures.append(Structure(numbers, file["R"][row, :atoms], multiplicity=CHANNELS[channel]))
            labels.append(Label(structures[-1].key, "published", float(file["E"][row]) * KCAL, forces))
    return Frames.of(structures, labels)


def _extended_xyz(file: Path) -> Frames:
    """In ASE's units, without the box that the molecules were put into; forces are NaN where the file has none."""
    structures, energies, forces = [], [], []
    for atoms in ase.io.read(file, ":"):
        structures.append(Structure(tuple(atoms.numbers.tolist()), atoms.positions))
        energies.append(atoms.get_potential_energy())
        known = "forces" in atoms.calc.results
        forces.append(atoms.get_forces() if known else np.full((len(atoms), 3), np.nan))
    return _labelled(Frames.of(structures), np.array(energies), np.concatenate(forces))


def _labelled(frames: Frames, energy: np.ndarray, forces: np.ndarray) -> Frames:
    from dataclasses import replace

    return replace(frames, energy=np.asarray(energy, dtype=float), forces=np.asarray(forces, dtype=float))


def _some(rows: int, count: int) -> np.ndarray:
    return np.sort(np.random.default_rng(0).permutation(rows)[:count])
