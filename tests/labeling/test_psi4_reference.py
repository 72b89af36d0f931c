"""Labels against Psi4's own command line: the same energies and gradients, whatever warm programs and kept bases do between."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import numpy as np
import pytest

from reactal.chem import Label, Structure, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.psi4 import Psi4Labeler
from reactal.units import BOHR, HARTREE
from tests.labeling.molecules import hydroxyl, water

AGREES = 1e-7  # hartree, and hartree/bohr
THEORIES = (Theory.parse("hf/6-31g*"), Theory.parse("wb97x-d/6-31g*"))
MOLECULES = {
    "water": water(0.08),
    "hydroxyl": hydroxyl(1.05),
    "ammonium": Structure.from_symbols(
        "NHHHH",
        [[0.0, 0.0, 0.0], [0.63, 0.6, 0.55], [-0.58, -0.6, 0.6], [-0.6, 0.62, -0.58], [0.6, -0.6, -0.65]],
        charge=1,
    ),
    "hydrogen cyanide": Structure.from_symbols("HCN", [[0.1, 0.0, -1.1], [0.0, 0.0, 0.0], [0.0, 0.1, 1.2]]),
    "hydroxide": Structure.from_symbols("OH", [[0.0, 0.0, 0.0], [0.1, 0.2, 0.97]], charge=-1),
}

pytestmark = [pytest.mark.psi4, pytest.mark.slow]


@pytest.fixture(scope="module")
def by_command_line(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    """One run of the `psi4` command over all of them: the energy and then the gradient, hartree and bohr, by theory and name."""
    folder = tmp_path_factory.mktemp("psi4")
    (folder / "input.dat").write_text("kept = {}\n" + "\n".join(_input(theory) for theory in THEORIES) + OUTPUT)
    program = shutil.which("psi4")
    assert program is not None
    subprocess.run([program, "-n", "1", "input.dat", "output.dat"], cwd=folder, check=True, timeout=300)
    found: dict[str, list[float]] = json.loads((folder / "found.json").read_text())
    return found


def _input(theory: Theory) -> str:
    lines = [f"set basis {theory.basis}"]
    for name, structure in MOLECULES.items():
        label = name.replace(" ", "_")
        places = "\n".join(
            f"{symbol} {x!r} {y!r} {z!r}"
            for symbol, (x, y, z) in zip(structure.symbols, structure.positions.tolist(), strict=True)
        )
        reference = "uhf" if theory.method == "hf" else "uks"
        closed = "rhf" if theory.method == "hf" else "rks"
        lines.append(
            f"molecule {label} {{\n{structure.charge} {structure.multiplicity}\n{places}\nsymmetry c1\nno_com\nno_reorient\n}}\n"
            f"set reference {reference if structure.multiplicity > 1 else closed}\n"
            f"slope, state = gradient('{theory.method}', molecule={label}, return_wfn=True)\n"
            f"kept['{theory.name} {name}'] = [state.energy()] + [float(x) for x in slope.np.ravel()]\n"
            "clean()\n"
        )
    return "\n".join(lines)


OUTPUT = "\nimport json\nopen('found.json', 'w').write(json.dumps(kept))\n"


@pytest.fixture(scope="module", params=THEORIES, ids=lambda theory: theory.name)
def labeler(request: pytest.FixtureRequest) -> Iterator[Psi4Labeler]:
    made = Psi4Labeler(request.param, LabelingResources(slots=1))
    yield made
    made.close()


@pytest.mark.parametrize("name", MOLECULES)
def test_a_label_is_what_the_command_line_gives(labeler: Psi4Labeler, by_command_line: dict[str, list[float]], name: str) -> None:
    label = labeler.compute(MOLECULES[name])
    assert isinstance(label, Label), label
    energy, *slope = by_command_line[f"{labeler.theory.name} {name}"]
    assert label.energy / HARTREE == pytest.approx(energy, abs=AGREES)
    assert np.abs(-label.forces.ravel() * BOHR / HARTREE - slope).max() < AGREES
