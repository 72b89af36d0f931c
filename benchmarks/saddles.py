"""Baker's 25 saddles (Baker, Chan, J. Comput. Chem. 1996, 17, 888) refined at HF/3-21G from the set's poor guesses.

Ours starts from the Hessian of GFN2-xTB, which costs no Hartree-Fock gradient; the peer is Sella with its defaults, run where
it is installed (it is no dependency: it brings JAX). Both ask the same PySCF for every gradient and stop at the same force. A
saddle is right if its energy is the reference's to 0.2 millihartree. What was found is kept in a file, a line for each search,
and a run goes on from there.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from figure import Figure, report

from reactal.chem import Structure
from reactal.chem.convert import read_structure, to_ase
from reactal.exploration.hessian import hessian_of
from reactal.exploration.saddle_refinement import refine_saddle
from reactal.potentials.xtb import XtbPotential
from reactal.units import BOHR, HARTREE

SET = Path(__file__).parents[2] / "shared" / "data" / "barriers" / "ts_optimiser_sets"
BASIS = "3-21g"
FORCE = 0.02  # eV/angstrom, of an atom
LIMIT = 100  # gradients
RIGHT = 2e-4  # hartree from the reference
GOAL = 22
SMALL = ("01", "02", "03", "04", "15", "23", "24", "25")


class Counted:
    """Hartree-Fock's energy (eV) and forces (eV/angstrom), counted; not a number where the SCF does not converge.

    Each SCF starts from the density before: a radical that is started afresh changes its state from step to step.
    """

    def __init__(self, template: Structure) -> None:
        self._template = template
        self._density: Any = None
        self.gradients = 0

    def __call__(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        from pyscf import gto, scf

        self.gradients += 1
        one = self._template
        atoms = list(zip(one.symbols, positions.tolist(), strict=True))
        molecule = gto.M(atom=atoms, basis=BASIS, charge=one.charge, spin=one.multiplicity - 1, verbose=0)
        field = (scf.RHF if one.multiplicity == 1 else scf.UHF)(molecule).set(conv_tol=1e-9, max_cycle=100)
        field.kernel(dm0=self._density)
        if not field.converged:
            field = field.newton()
            field.kernel()
        if not field.converged:
            return float("nan"), np.full((len(one), 3), np.nan)
        self._density = field.make_rdm1()
        return field.e_tot * HARTREE, -field.nuc_grad_method().kernel() * (HARTREE / BOHR)


def ours(start: Structure, surface: Counted) -> float:
    hessian = hessian_of(XtbPotential(), start, start.positions)
    found = refine_saddle(surface, start.positions, hessian, max_steps=LIMIT, force_max=FORCE)
    return found.energy if found.converged else float("nan")


def sella(start: Structure, surface: Counted) -> float:
    from ase.calculators.calculator import Calculator, all_changes
    from sella import Sella

    class Asked(Calculator):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:  # noqa: ANN001
            super().calculate(atoms, properties, system_changes)
            if surface.gradients >= LIMIT:
                raise TimeoutError("too many gradients")
            energy, forces = surface(self.atoms.get_positions())
            if not np.isfinite(energy):
                raise ArithmeticError("the SCF does not converge")
            self.results = {"energy": energy, "forces": forces}

    atoms = to_ase(start)
    atoms.calc = Asked()
    search = Sella(atoms, order=1, internal=True, logfile=None)
    return float(atoms.get_potential_energy()) if search.run(fmax=FORCE, steps=LIMIT) else float("nan")


WAYS: dict[str, Callable[[Structure, Counted], float]] = {"ours": ours, "sella": sella}


def search(who: str, row: dict[str, str]) -> dict[str, Any]:
    """One saddle by one program."""
    start = read_structure(SET / "baker_ts" / row["file"], charge=int(row["charge"]), multiplicity=int(row["mult"]))
    surface, note = Counted(start), ""
    try:
        energy = WAYS[who](start, surface) / HARTREE
    except Exception as error:  # whatever a peer raises is a search that failed
        energy, note = float("nan"), f"{type(error).__name__}: {error}"[:100]
    off = energy - float(row["ref_energy_Eh"])
    return {
        "saddle": row["file"].removesuffix(".xyz"),
        "by": who,
        "gradients": surface.gradients,
        "hartree": round(energy, 6) if np.isfinite(energy) else None,
        "off": round(off, 6) if np.isfinite(off) else None,
        "right": bool(abs(off) < RIGHT),
        "note": note,
    }


def figures(found: list[dict[str, Any]]) -> list[Figure]:
    by = {who: {row["saddle"]: row for row in found if row["by"] == who} for who in WAYS}
    right = {who: {name for name, row in rows.items() if row["right"]} for who, rows in by.items()}
    asked, peer = len(by["ours"]), float(len(right["sella"])) if by["sella"] else None
    goal = min(GOAL, round(GOAL / 25 * asked))
    mine = float(len(right["ours"]))
    out = [Figure("explore.baker_saddles_found", mine, f"of {asked}", mine, peer, f">= {goal}", mine >= goal, 1)]
    both = right["ours"] & right["sella"]
    if both:
        medians = [statistics.median(by[who][name]["gradients"] for name in both) for who in WAYS]
        ratio = round(medians[0] / medians[1], 3)
        unit = f"gradients, median of the {len(both)} that both found"
        out.append(Figure("explore.baker_gradients_vs_sella", ratio, unit, *medians, "<= 1", ratio <= 1, len(both)))
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the eight smallest, within two minutes")
    parser.add_argument("--kept", type=Path, help="file of searches that are not repeated; new ones are added")
    options = parser.parse_args()
    if not SET.is_dir():
        print(f"the reference data are not there: {SET}", file=sys.stderr)
        return 2
    rows = list(csv.DictReader((SET / "baker_ts_HF_3-21G_reference.csv").read_text().splitlines()))
    rows.sort(key=lambda row: len((SET / "baker_ts" / row["file"]).read_text()))  # the small ones first
    if options.quick:
        rows = [row for row in rows if row["file"].startswith(SMALL)]
    found: list[dict[str, Any]] = []
    if options.kept and options.kept.is_file():
        found = [json.loads(line) for line in options.kept.read_text().splitlines()]
    known = {(row["by"], row["saddle"]) for row in found}
    for who in WAYS if find_spec("sella") else ("ours",):
        for row in rows:
            if (who, row["file"].removesuffix(".xyz")) in known:
                continue
            found.append(search(who, row))
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
            if options.kept:
                with options.kept.open("a") as file:
                    file.write(json.dumps(found[-1]) + "\n")
    report(figures(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
