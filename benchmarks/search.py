"""Finding the lowest barriers of a library with few evaluations: `reactal search` against lots.

The library are pericyclic reactions of RDB7 (Spiekermann, Pattanaik and Green, Sci. Data 9, 417 (2022)): those whose changed
bonds form one ring of six or eight atoms around which the bond orders shift by one; barriers at CCSD(T)-F12a, zero-point energy
included. Read from a folder outside the project (`--data`, or REACTAL_DATA). The search begins with some evaluations by lot,
others with every seed. The figure is the median over seeds of the evaluations until the whole best 5 % are found, over that of
lots; those until one and until half of them stand beside it.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from figure import Figure, report
from rdkit import Chem

from reactal.chem import Frames, Structure
from reactal.search.features import features_of
from reactal.search.library import Library
from reactal.search.proposing import ACQUISITIONS
from reactal.search.replay import by_lot, played, top_rows

RINGS = (6, 8)
SHIFTS = {(0.0, 1.0), (1.0, 0.0), (1.0, 2.0), (2.0, 1.0), (2.0, 3.0), (3.0, 2.0)}
SHARE, GOAL = 0.05, 0.3
START, BATCH = 10, 5
HOW = {"minimise": True, "share": SHARE}
Bonds = dict[tuple[int, int], float]


def pericyclic(data: Path, *, entries: int) -> Library:
    """So many of them, by lot."""
    folder = data / "barriers/rdb7"
    with (folder / "rdb7_dev.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    found = [row for row, entry in enumerate(rows) if ring(changed(entry["smiles"])) in RINGS]
    some = sorted(np.random.default_rng(0).permutation(found)[:entries].tolist())
    with np.load(folder / "rdb7_dev.npz", allow_pickle=False) as file:
        numbers, offsets = file["numbers"], file["offsets"]
        sides = [file[name].astype(np.float64) for name in ("pos_r", "pos_p")]
    reactants, products = (
        Frames.of(
            [
                Structure(tuple(numbers[atoms].tolist()), places[atoms])
                for row in some
                if (atoms := slice(*offsets[row : row + 2]))
            ]
        )
        for places in sides
    )
    target = np.array([float(rows[row]["dE0_kcal"]) for row in some])
    return Library(tuple(rows[row]["rxn"] for row in some), target, reactants, products)


def changed(smiles: str) -> Bonds:
    """Bonds whose order differs between the two sides, by atom map; empty where one shifts by more than one."""
    before, after = (bonds(side) for side in smiles.split(">>"))
    both = {pair: (before.get(pair, 0.0), after.get(pair, 0.0)) for pair in before.keys() | after.keys()}
    moved = {pair: orders for pair, orders in both.items() if orders[0] != orders[1]}
    return {pair: b - a for pair, (a, b) in moved.items()} if set(moved.values()) <= SHIFTS else {}


def bonds(smiles: str) -> Bonds:
    """Order by the pair of atom maps."""
    rules = Chem.SmilesParserParams()
    rules.removeHs = rules.sanitize = False
    molecule = Chem.MolFromSmiles(smiles, rules)
    pairs = ((b.GetBeginAtom().GetAtomMapNum(), b.GetEndAtom().GetAtomMapNum(), b) for b in molecule.GetBonds())
    return {(min(i, j), max(i, j)): bond.GetBondTypeAsDouble() for i, j, bond in pairs}


def ring(edges: Bonds) -> int:
    """How many atoms the one ring has that all edges form together; 0 where they form none."""
    near: dict[int, list[int]] = defaultdict(list)
    for i, j in edges:
        near[i].append(j)
        near[j].append(i)
    if not near or any(len(atoms) != 2 for atoms in near.values()):
        return 0
    first = here = min(near)
    before, length = 0, 0
    while length == 0 or here != first:
        before, here = here, next(atom for atom in near[here] if atom != before)
        length += 1
    return length if length == len(near) else 0


def figures(library: Library, *, seeds: int, acquisitions: tuple[str, ...], most: int) -> list[Figure]:
    """The first acquisition gives the figure that has the design's name; the others stand beside it under theirs."""
    features, best = features_of(library), len(top_rows(library.target, share=SHARE, minimise=True))
    lots = [by_lot(library.target, seed=seed, **HOW) for seed in range(seeds)]
    shown = []
    for acquisition in acquisitions:
        how = {"acquisition": acquisition, "start": START, "batch": BATCH, "most": most, **HOW}
        runs = [played(features, library.target, seed=seed, **how) for seed in range(seeds)]
        for part, name in ((1.0, ""), (0.5, "_half"), (1.0 / best, "_first")):
            peer = [run.until(part, best=best) or len(library) for run in lots]
            ours = [run.until(part, best=best) or len(library) for run in runs]  # not found: as if all had been computed
            ratio = statistics.median(ours) / statistics.median(peer)
            title = f"search.evaluations_vs_random{name}" + ("" if acquisition == acquisitions[0] else f"_{acquisition}")
            medians = (statistics.median(ours), statistics.median(peer))
            shown.append(Figure(title, round(ratio, 3), "evaluations", *medians, f"<= {GOAL}", ratio <= GOAL, runs=seeds))
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small library, two seeds and one acquisition")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("REACTAL_DATA", "../shared/data")))
    parser.add_argument("--entries", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--most", type=int, default=0, help="evaluations after which a search is given up; 0: never")
    parser.add_argument("--acquisitions", default=",".join(ACQUISITIONS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.quick:
        library = pericyclic(asked.data, entries=120)
        report(figures(library, seeds=2, acquisitions=("ei",), most=70))
    else:
        library = pericyclic(asked.data, entries=asked.entries)
        names = tuple(asked.acquisitions.split(","))
        report(figures(library, seeds=asked.seeds, acquisitions=names, most=asked.most or len(library)))


if __name__ == "__main__":
    main()
