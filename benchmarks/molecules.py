"""Published data that benchmarks learn from: revised MD17, 1,000 + 1,000 geometries of a molecule (PBE/def2-SVP, CC0).

The files are those of github.com/andersx/rmd17-npz, looked for beside this repository where no folder is named.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from reactal.chem import Frames, Structure
from reactal.errors import InputError
from reactal.units import KCAL_PER_MOL

__all__ = ["RMD17", "rmd17"]

RMD17 = Path(__file__).parents[2] / "shared" / "data" / "forces" / "rmd17_a"


def rmd17(molecule: str, part: str, *, folder: Path = RMD17) -> Frames:
    """`part` is train or test, of the official split 01. Energies in eV, forces in eV/angstrom."""
    file = folder / f"rmd17_{molecule}_{part}_01.npz"
    if not file.is_file():
        raise InputError(f"{file} is not there; name the folder with the files of github.com/andersx/rmd17-npz with --data")
    with np.load(file) as data:
        places = data["coords"]
        template = Structure(data["nuclear_charges"].tolist(), places[0])
        frames = Frames.repeat(template, places)
        return replace(frames, energy=data["energies"] * KCAL_PER_MOL, forces=data["forces"].reshape(-1, 3) * KCAL_PER_MOL)
