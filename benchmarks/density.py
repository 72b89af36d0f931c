"""Learned densities: errors where they were learned and where not, what the guard catches, one step against the SCF, and learned
guesses for Psi4 (density_guess.py).

A committee learns from strained, heated and turned geometries of small molecules of H, C, N, O and Cl, an hour at most on two
cores, references not counted. It is judged on other geometries of those and on molecules that were held back. A process of its
own does one step of 200 atoms, and says what memory it took. References and the training's state are kept in `--work`: the same
command goes on when it was stopped; a model that is there is not trained again. Each figure is told as soon as it is known.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from ase.build import molecule
from ase.io import write
from figure import Figure, report

from reactal.chem import Structure
from reactal.chem.convert import from_ase
from reactal.density.augmentation import varied
from reactal.density.evaluation import Case, evaluated, summary_of
from reactal.density.figures import draw_errors, draw_isosurfaces, draw_slices, draw_timing
from reactal.density.model import DensityModel
from reactal.density.molecules import molecule as made
from reactal.density.oneshot import Stage
from reactal.density.records import DensityStore
from reactal.density.reference import ReferenceDensity, mean_field
from reactal.density.request import fulfil
from reactal.density.settings import DensityRequest
from reactal.density.theory import DensityTheory
from reactal.store.opening import open_store

SEEN = ("CH4", "NH3", "H2O", "CH3OH", "CH3Cl", "HCN", "H2CO", "C2H6", "CH3NH2", "C2H4")
HELD_BACK = ("CH3CH2OH", "CH3CHO", "CH3CN", "HCOOH", "CH3CH2Cl", "C3H8")
WRONG_ON_PURPOSE = 1.5  # times longer bonds, which no training saw: the guard has to catch them
LENGTHS = (2, 4, 6, 8)  # carbon atoms of alkanes: 8, 14, 20 and 26 atoms
TWENTY = 6
LARGE = 66  # carbon atoms: 200 in all
MOST_GIB = 8.0
TOLD_EVERY = 30.0  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two molecules and a minute of training")
    parser.add_argument("--work", type=Path, default=Path(".cache/density"), help="where references and the model are kept")
    parser.add_argument("--minutes", type=float, default=55.0, help="of training, all members together")
    parser.add_argument("--network", default="atoms", help="atoms, points, unet or combined")
    parser.add_argument("--size", default="small")
    parser.add_argument("--figures", type=Path, help="a folder for pictures")
    parser.add_argument("--no-guess", action="store_true", help="without the learned guesses for Psi4")
    parser.add_argument("--memory", type=int, metavar="CARBONS", help=argparse.SUPPRESS)  # what the process of its own is asked
    asked = parser.parse_args()
    if asked.memory is not None:
        print(json.dumps(measured_memory(DensityModel.read(asked.work), asked.memory)))
        return
    figures = []
    for figure in every_figure(asked):
        figures.append(figure)
        print(f"{figure.name}: {figure.value:g}", file=sys.stderr, flush=True)  # a later part that fails loses none
    report(figures)


def every_figure(asked: argparse.Namespace) -> Iterator[Figure]:
    yield from density_figures(asked)
    if not asked.no_guess:
        from density_guess import learned_guess_figures

        yield from learned_guess_figures(quick=asked.quick)


def density_figures(asked: argparse.Namespace) -> Iterator[Figure]:
    """Of the model, trained first where there is none."""
    work = asked.work / (f"{asked.network}-{asked.size}" + ("-quick" if asked.quick else ""))
    seen, held_back = (SEEN[:2], HELD_BACK[-1:]) if asked.quick else (SEEN, HELD_BACK)
    model = trained(asked, work, seen)
    store = DensityStore(open_store(str(asked.work / "store")), DensityTheory())
    count = 1 if asked.quick else 4
    known = evaluated(model, references(store, seen, count=count, seed=101), tell=Said("unseen geometries"))
    yield from errors_seen(known)
    strange = evaluated(model, references(store, held_back, count=count, seed=102), tell=Said("molecules held back"))
    yield at_most("density.rho_error_heldout", summary_of(strange).rho_error, "%", 15.0, len(strange))
    broken = references(store, held_back, count=count, seed=103, stretch=WRONG_ON_PURPOSE)
    yield guard_recall([*known, *strange, *evaluated(model, broken, forces=False, tell=Said("bonds too long"))])
    if asked.figures is not None:
        draw(model, store, [*known, *strange], asked.figures)
    yield speed(model, asked)
    yield memory(work, carbons=LENGTHS[1] if asked.quick else LARGE)


class Said:
    """Progress on standard error, a line now and then."""

    def __init__(self, what: str = "") -> None:
        self._what, self._last = what, (what, 0.0)

    def __call__(self, *told: object) -> None:
        what, done, of = told if len(told) == 3 else (self._what, *told)
        name, now = str(what).partition(",")[0], time.monotonic()
        if done == of or name != self._last[0] or now - self._last[1] > TOLD_EVERY:
            self._last = (name, now)
            print(f"{what}: {done} of {of}", file=sys.stderr, flush=True)


def trained(asked: argparse.Namespace, work: Path, seen: Sequence[str]) -> DensityModel:
    if not (work / "density.json").exists():
        work.mkdir(parents=True, exist_ok=True)
        write(work / "seen.xyz", [molecule(name) for name in seen])
        asked_for = DensityRequest.plainly(
            str(work / "seen.xyz"),
            str(work),
            str(asked.work / "store"),
            network=asked.network,
            size="tiny" if asked.quick else asked.size,
            members=1 if asked.quick else 2,
            steps=10**6,
            minutes=0.4 if asked.quick else asked.minutes,
            vary=5 if asked.quick else 30,
            hold_out=0.2 if asked.quick else 0.1,
        )
        fulfil(asked_for, tell=Said())
    return DensityModel.read(work)


def references(
    store: DensityStore, names: Sequence[str], *, count: int, seed: int, stretch: float = 1.0
) -> list[ReferenceDensity]:
    """Of other geometries than those that were trained on, each turned at random."""
    structures = varied([from_ase(molecule(name)) for name in names], count=count, seed=seed)
    if stretch != 1.0:
        structures = [one.moved(one.positions * stretch) for one in structures]
    return store.compute(structures)[0]


def errors_seen(known: Sequence[Case]) -> list[Figure]:
    seen = summary_of(known)
    return [
        at_most("density.rho_error_seen", seen.rho_error, "%", 5.0, len(known)),
        at_most("density.energy_mha_seen", seen.energy_mha, "mHa", 1.0, len(known)),
        at_most("density.force_mae_seen", seen.force_mae, "eV/angstrom", 0.05, len(known)),
    ]


def guard_recall(everything: Sequence[Case]) -> Figure:
    """Of the energies off by more than 5 mHa, those with bonds too long among them."""
    share = summary_of(everything).guard_recall
    return Figure("density.guard_recall", round(share, 3), "share", None, None, ">= 0.95", share >= 0.95, len(everything))


def at_most(name: str, value: float, unit: str, goal: float, cases: int) -> Figure:
    return Figure(name, round(value, 4), unit, None, None, goal=f"<= {goal:g}", met=value <= goal, runs=cases)


def speed(model: DensityModel, asked: argparse.Namespace) -> Figure:
    """Energies, preparations included, of one step and of PySCF's SCF with the same density fitting, in turn."""
    runs, lengths = (1, LENGTHS[:1]) if asked.quick else (3, LENGTHS)
    medians: dict[int, tuple[float, float]] = {}
    for carbons in lengths:
        alkane = zigzag(carbons)
        pairs = [(one_shot(model, alkane), full(alkane)) for _ in range(runs)]
        medians[carbons] = tuple(statistics.median(side) for side in zip(*pairs, strict=True))  # type: ignore[assignment]
    ours, peer = medians[TWENTY] if TWENTY in medians else medians[lengths[-1]]
    if asked.figures is not None:
        atoms = [3 * carbons + 2 for carbons in medians]
        draw_timing(atoms, [theirs / mine for mine, theirs in medians.values()], asked.figures / "timing.png")
    value = peer / ours
    return Figure(
        "density.oneshot_vs_scf_20atoms",
        round(value, 2),
        "SCF time / one-shot time",
        round(ours, 3),
        round(peer, 3),
        goal=">= 5",
        met=value >= 5,
        runs=runs,
    )


def memory(work: Path, *, carbons: int) -> Figure:
    """The most that a process had resident which did one step of an alkane, torch and all."""
    command = [sys.executable, __file__, "--work", str(work), "--memory", str(carbons)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"one step of {found['atoms']} atoms took {found['seconds']:.0f} s", file=sys.stderr, flush=True)
    return at_most(f"density.memory_gib_{found['atoms']}_atoms", found["gib"], "GiB", MOST_GIB, 1)


def measured_memory(model: DensityModel, carbons: int) -> dict[str, float]:
    alkane = zigzag(carbons)
    seconds = one_shot(model, alkane)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux
    return {"atoms": len(alkane), "gib": peak, "seconds": seconds}


def one_shot(model: DensityModel, structure: Structure) -> float:
    began = time.perf_counter()
    stage = Stage(structure, model.theory)
    stage.run(model.predict(stage).coefficients)
    return time.perf_counter() - began


def full(structure: Structure) -> float:
    began = time.perf_counter()
    mean_field(made(structure, DensityTheory()), DensityTheory()).kernel()
    return time.perf_counter() - began


def zigzag(carbons: int) -> Structure:
    """An alkane stretched out: C-C 1.53, C-H 1.09 angstrom, all angles tetrahedral."""
    along, across, out = 1.53 * np.sqrt(2 / 3), 1.53 / np.sqrt(3) / 2, 1.09 * np.sqrt(2 / 3)
    chain = [np.array([place * along, across * (-1) ** place, 0.0]) for place in range(carbons)]
    hydrogens = []
    for carbon in chain:
        away = np.sign(carbon[1]) * 1.09 / np.sqrt(3)
        hydrogens += [carbon + np.array([0.0, away, side * out]) for side in (1, -1)]
    for end, sign in ((chain[0], -1), (chain[-1], 1)):
        hydrogens.append(end + np.array([sign * out, -np.sign(end[1]) * 1.09 / np.sqrt(3), 0.0]))
    return Structure.from_symbols(["C"] * carbons + ["H"] * len(hydrogens), np.array([*chain, *hydrogens]))


def draw(model: DensityModel, store: DensityStore, cases: Sequence[Case], folder: Path) -> None:
    shown = references(store, ("CH3OH",) if 8 in model.guard.elements else ("CH4",), count=1, seed=101)[0]
    draw_errors(cases, folder / "errors.png")
    draw_slices(model, shown, folder / "slices.png")
    draw_isosurfaces(model, shown, folder / "isosurfaces.png")


if __name__ == "__main__":
    main()
