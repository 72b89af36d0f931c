"""Frequencies from our finite differences of labels against those that Psi4 finds itself."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Structure, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.locate import find_psi4
from reactal.labeling.pool import LocalLabelPool
from reactal.progress import NoProgress
from reactal.stages.check_vibrations import labelled_points
from reactal.store.labels import LabelStore
from reactal.store.memory import MemoryStore
from reactal.validation.thermochemistry import StationaryPoint

pytestmark = [pytest.mark.psi4, pytest.mark.slow]

SAME = 2.0  # cm^-1
THEORY = Theory.parse("hf/6-31g*", keywords={"scf_type": "df", "e_convergence": 1e-8, "d_convergence": 1e-8})
JITTER = 1e-4  # angstrom: Psi4 1.3 fails on some symmetric geometries

SN2_IN_PSI4 = (
    -414.545,
    204.084,
    204.090,
    213.917,
    1008.352,
    1009.024,
    1225.293,
    1549.060,
    1549.593,
    3421.498,
    3632.620,
    3634.366,
)
"""What `PROGRAM` printed for `sn2_saddle()` in Psi4 1.3.2, with dertype=1: its own differences of its gradients."""

PROGRAM = """
import json, sys
import psi4
given = json.load(sys.stdin)
psi4.set_memory("1000 MB")
psi4.core.set_output_file("output.dat", False)
psi4.geometry(given["molecule"])
psi4.set_options({"basis": "6-31g*", "scf_type": "df", "e_convergence": 1e-8, "d_convergence": 1e-8})
_, found = psi4.frequency("hf", return_wfn=True)
modes = found.frequency_analysis
kept = [i for i, kind in enumerate(modes["TRV"].data) if kind == "V"]
omega = [complex(modes["omega"].data[i]) for i in kept]
print("found:", json.dumps([-abs(w) if w.imag else w.real for w in omega]))
"""


def water() -> Structure:
    """HF/6-31G*: r = 0.9473 angstrom, 105.50 degrees (Hehre, Radom, Schleyer, Pople: Ab Initio Molecular Orbital Theory)."""
    across, along = 0.9473 * np.sin(np.radians(52.75)), 0.9473 * np.cos(np.radians(52.75))
    return Structure.from_symbols("OHH", shaken([[0.0, 0.0, 0.0], [0.0, across, along], [0.0, -across, along]]))


def sn2_saddle() -> Structure:
    """Cl-CH3-Cl at HF/6-31G*: C-Cl 2.383, C-H 1.0615 angstrom."""
    angles = np.radians([0, 120, 240])
    hydrogens = [[1.0615 * np.cos(a), 1.0615 * np.sin(a), 0.0] for a in angles]
    chlorines = [[0.0, 0.0, 2.383], [0.0, 0.0, -2.383]]
    return Structure.from_symbols(["C", "Cl", "Cl", "H", "H", "H"], shaken([[0.0] * 3, *chlorines, *hydrogens]), charge=-1)


def shaken(places: list[list[float]]) -> np.ndarray:
    return np.asarray(places) + np.random.default_rng(0).normal(0, JITTER, (len(places), 3))


def psi4_says(structure: Structure, folder: Path) -> np.ndarray:
    """Ascending, imaginary ones negative."""
    rows = zip(structure.symbols, structure.positions, strict=True)
    atoms = [f"{symbol} {x:.10f} {y:.10f} {z:.10f}" for symbol, (x, y, z) in rows]
    state = f"{structure.charge} {structure.multiplicity}"
    molecule = "\n".join([state, *atoms, "symmetry c1", "no_com", "no_reorient", "units angstrom"])
    install = find_psi4()
    done = subprocess.run(
        [install.interpreter, "-c", PROGRAM],
        input=json.dumps({"molecule": molecule}),
        env=install.environment(os.environ),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    return np.sort(json.loads(done.stdout.rpartition("found:")[2]))


@pytest.fixture
def pool() -> Iterator[LocalLabelPool]:
    pool = LocalLabelPool(LabelStore(MemoryStore()), THEORY, LabelingResources(slots=1))
    yield pool
    pool.close()


def test_water_s_frequencies_are_psi4_s(pool: LocalLabelPool, tmp_path: Path) -> None:
    """Psi4 has analytic second derivatives for it."""
    (found,) = labelled_points(pool, [water()], progress=NoProgress())
    assert isinstance(found, StationaryPoint), found
    np.testing.assert_allclose(found.wavenumbers, psi4_says(water(), tmp_path), atol=SAME)
    assert found.imaginary == 0.0


def test_the_sn2_saddle_s_frequencies_are_psi4_s(pool: LocalLabelPool) -> None:
    """Psi4 took minutes for them, so they stand here."""
    (found,) = labelled_points(pool, [sn2_saddle()], progress=NoProgress())
    assert isinstance(found, StationaryPoint), found
    np.testing.assert_allclose(found.wavenumbers, SN2_IN_PSI4, atol=SAME)
    assert (found.wavenumbers < 0).sum() == 1
