"""Learning on without forgetting, and starting from a model of another molecule and theory.

Forgetting: a network knows ethanol around its anti conformer and is trained on with labels around the gauche one. The forgetting
ratio is its force error on a fixed test set of the first, after over before (by `replay` where the name says no other way); the
peer is trained on with the new labels alone.
Transfer: the same network is the start for methanol at another theory, with few labels; the peer starts from scratch and takes as
many steps. Labels are GFN2-xTB and GFN1-xTB, computed here.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from ase.build import molecule
from figure import Figure, report

from reactal.chem import Frames, Structure
from reactal.chem.convert import from_ase
from reactal.potentials.architecture import Architecture
from reactal.potentials.committee import Committee
from reactal.potentials.xtb import XtbPotential
from reactal.training.committee import assemble
from reactal.training.forgetting import force_mae, forgetting_ratio
from reactal.training.member import train_member
from reactal.training.settings import TRANSFERS, Continual, TrainingSettings
from reactal.training.transfer import starts_from

RATTLE = 0.05  # angstrom
SETTINGS = TrainingSettings(architecture=Architecture(features=32, interactions=2))
NAIVE = Continual("replay", share=0.0)
WAYS = {
    "all_rows": Continual("none"),
    "replay": Continual("replay"),
    "distil": Continual("distil"),
    "ewc": Continual("ewc"),
}
RATIO_GOAL, TRANSFER_GOAL = 1.05, 1.0
Runs = dict[str, list[float]]


def conformers() -> tuple[Structure, Structure]:
    """Ethanol, anti and gauche: the hydroxyl hydrogen a third of a turn about the C-O bond."""
    anti = molecule("CH3CH2OH")
    gauche = anti.copy()
    symbols = np.array(anti.get_chemical_symbols())
    (oxygen,) = np.flatnonzero(symbols == "O")
    near = anti.get_distances(oxygen, range(len(anti)))
    (hydrogen,) = np.flatnonzero((symbols == "H") & (near < 1.2))
    carbons = sorted(np.flatnonzero(symbols == "C"), key=lambda index: near[index])
    gauche.rotate_dihedral(carbons[1], carbons[0], oxygen, hydrogen, 120.0, indices=[hydrogen])
    return from_ase(anti), from_ase(gauche)


def labelled(template: Structure, *, rows: int, seed: int, method: str = "gfn2", iteration: int = 0) -> Frames:
    """Rattled copies with labels."""
    moves = np.random.default_rng(seed).normal(0, RATTLE, (rows, len(template), 3))
    frames = Frames.repeat(template, template.positions + moves, iteration=np.full(rows, iteration))
    said = XtbPotential(method).predict(frames)
    return replace(frames, energy=said.energy, forces=said.forces)


def trained(frames: Frames, settings: TrainingSettings, *, seed: int, start: bytes | None = None) -> tuple[Committee, bytes]:
    member = train_member(frames, settings, seed=seed, warm_start=start)
    return assemble([member]), member.weights


def forget(settings: TrainingSettings, *, seed: int, rows: tuple[int, int], test: int) -> tuple[Mapping[str, float], bytes]:
    """By each way: the forgetting ratio, and under `..._new` the force error on the new conformer (eV/angstrom)."""
    anti, gauche = conformers()
    old, new = labelled(anti, rows=rows[0], seed=seed), labelled(gauche, rows=rows[1], seed=seed + 100, iteration=1)
    tests = labelled(anti, rows=test, seed=1000), labelled(gauche, rows=test, seed=1001)
    before, weights = trained(old, settings, seed=seed)
    found = {}
    for name, way in {"naive": NAIVE, **WAYS}.items():
        after, _ = trained(Frames.concat([old, new]), replace(settings, continual=way), seed=seed + 1, start=weights)
        found[name] = forgetting_ratio(before, after, tests[0])
        found[f"{name}_new"] = force_mae(after, tests[1])
    return found, weights


def transfer(settings: TrainingSettings, weights: bytes, *, seed: int, rows: int, test: int) -> Mapping[str, float]:
    """Force errors on methanol (eV/angstrom), from scratch and from the network of ethanol."""
    from reactal.potentials.weights import Member

    methanol = from_ase(molecule("CH3OH"))
    frames = labelled(methanol, rows=rows, seed=seed + 200, method="gfn1")
    unseen = labelled(methanol, rows=test, seed=1002, method="gfn1")
    model = Committee.of([Member.from_bytes(weights)])
    found = {"scratch": force_mae(trained(frames, settings, seed=seed)[0], unseen)}
    for way in TRANSFERS:
        wanted = replace(settings, transfer=way).for_transfer()
        (start,) = starts_from(model, frames, wanted, members=1)
        found[way] = force_mae(trained(frames, wanted, seed=seed, start=start)[0], unseen)
    return found


def figure(name: str, values: list[float], ours: list[float], peer: list[float], *, unit: str, goal: float) -> Figure:
    value, mine, theirs = (round(statistics.median(runs), 4) for runs in (values, ours, peer))
    return Figure(name, value, unit, mine, theirs, goal=f"<= {goal}", met=value <= goal, runs=len(values))


def figures(settings: TrainingSettings, *, seeds: int, rows: tuple[int, int], few: int, test: int) -> list[Figure]:
    forgotten: Runs = {}
    errors: Runs = {}
    for seed in range(seeds):
        ratios, weights = forget(settings, seed=seed, rows=rows, test=test)
        for into, found in ((forgotten, ratios), (errors, transfer(settings, weights, seed=seed, rows=few, test=test))):
            for name, value in found.items():
                into.setdefault(name, []).append(value)
    shown = []
    for name in WAYS:
        ratio, naive = forgotten[name], forgotten["naive"]
        title = "train.forgetting_ratio" if name == "replay" else f"train.forgetting_ratio_{name}"
        shown.append(figure(title, ratio, ratio, naive, unit="of the error before", goal=RATIO_GOAL))
        new, by_naive = forgotten[f"{name}_new"], forgotten["naive_new"]
        ratios_new = [mine / theirs for mine, theirs in zip(new, by_naive, strict=True)]
        shown.append(figure(f"train.new_error_{name}_vs_naive", ratios_new, new, by_naive, unit="eV/angstrom", goal=1.5))
    for way in TRANSFERS:
        gain = [mine / theirs for mine, theirs in zip(errors[way], errors["scratch"], strict=True)]
        name = f"train.transfer_error_{way}_vs_scratch"
        shown.append(figure(name, gain, errors[way], errors["scratch"], unit="eV/angstrom", goal=TRANSFER_GOAL))
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="within a minute")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    if quick:
        small = replace(SETTINGS, architecture=Architecture(features=16, interactions=1), steps_first=250, steps_warm=120)
        report(figures(small, seeds=1, rows=(40, 15), few=15, test=30))
    else:
        report(figures(replace(SETTINGS, steps_first=2000, steps_warm=600), seeds=3, rows=(200, 40), few=30, test=200))


if __name__ == "__main__":
    main()
