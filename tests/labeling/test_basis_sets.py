"""What Psi4's Python makes of a basis is made twice and then kept, and no number shows it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reactal.labeling.psi4_worker as psi4_worker
from reactal.chem import Label, Structure, Theory
from reactal.labeling.locate import find_psi4
from reactal.labeling.psi4 import Psi4Labeler
from reactal.labeling.psi4_worker.basis_sets import KEPT_AT_MOST, BasisSets
from tests.labeling.molecules import water

WATER = {"elem": ["O", "H", "H"], "units": "Angstrom", "fix_symmetry": "c1"}


class Constructed:
    """Stands for Psi4's own function, and counts; what it makes follows from the elements, `flaw` apart."""

    def __init__(self) -> None:
        self.calls = 0
        self.flaw = 0.0

    def __call__(self, mol: Any, key: str, target: Any, fitrole: str, other: Any, **more: Any) -> tuple[str, Any]:
        self.calls += 1
        made = {"name": target, "shell_map": [[element, [0, (18.7 + self.flaw, 0.03)]] for element in mol["elem"]]}
        if not more.get("return_atomlist"):
            return "set", made
        places = np.array(mol["geom"]).reshape(-1, 3) * (1.0 / 0.5)
        return "sets", [{**made, "molecule": {"elem": [e], "geom": g}} for e, g in zip(mol["elem"], places, strict=True)]


def asked(sets: BasisSets, *, shift: float = 0.0, target: Any = "6-31g*", atoms: bool = False, **other: Any) -> Any:
    molecule = {**WATER, "geom": [shift + 0.1 * number for number in range(9)], **other}
    return sets.pyconstruct(molecule, "BASIS", target, "ORBITAL", None, return_dict=True, return_atomlist=atoms)[1]


def test_it_is_made_twice_and_then_kept() -> None:
    construct = Constructed()
    sets = BasisSets(construct, 0.5)
    answers = [asked(sets, shift=0.01 * number) for number in range(5)]
    assert construct.calls == 2
    assert answers[4] == answers[0]
    assert asked(sets, elem=["O", "H", "D"]) != answers[0]
    assert construct.calls == 3


def test_atoms_are_where_the_molecule_has_them() -> None:
    construct = Constructed()
    sets = BasisSets(construct, 0.5)
    for number in range(2):
        asked(sets, shift=0.01 * number, atoms=True)
    kept, made = asked(sets, shift=7.7, atoms=True), asked(BasisSets(construct, 0.5), shift=7.7, atoms=True)
    assert construct.calls == 3
    for one, other in zip(kept, made, strict=True):
        assert np.array_equal(one["molecule"]["geom"], other["molecule"]["geom"])


def test_what_the_driver_renames_is_not_renamed_for_the_next() -> None:
    sets = BasisSets(Constructed(), 0.5)
    for _ in range(4):
        answer = asked(sets)
        assert answer["name"] == "6-31g*"
        answer["name"] = "renamed"


def test_what_does_not_follow_from_the_elements_is_made_every_time() -> None:
    construct = Constructed()
    sets = BasisSets(construct, 0.5)
    for number in range(4):
        construct.flaw = float(number)
        assert asked(sets)["shell_map"][0][1][1][0] == 18.7 + number
    assert construct.calls == 4


def test_a_basis_given_as_a_function_is_left_to_psi4() -> None:
    construct = Constructed()
    sets = BasisSets(construct, 0.5)
    for _ in range(4):
        asked(sets, target=print)
    assert construct.calls == 4


def test_many_compositions_do_not_fill_the_memory() -> None:
    construct = Constructed()
    sets = BasisSets(construct, 0.5)
    for number in range(2 * KEPT_AT_MOST):
        asked(sets, elem=["H"] * number, geom=[0.0] * 3 * number)
    asked(sets, elem=["H"] * (2 * KEPT_AT_MOST), geom=[0.0] * 6 * KEPT_AT_MOST)
    assert construct.calls == 2 * KEPT_AT_MOST + 1


COUNTING = """
import json, sys
import importlib.util
spec = importlib.util.spec_from_file_location("start", sys.argv[1] + "/__main__.py")
start = importlib.util.module_from_spec(spec)
spec.loader.exec_module(start)
start.as_package()
from psi4_worker.basis_sets import BasisSets
import psi4
psi4.core.set_output_file("psi4.log", False)
psi4.set_options({"basis": "sto-3g", "scf_type": "df"})
construct, calls = psi4.driver.qcdb.BasisSet.pyconstruct, []
def counted(*args, **more):
    calls.append(1)
    return construct(*args, **more)
psi4.driver.qcdb.BasisSet.pyconstruct = staticmethod(counted)
assert BasisSets.install(psi4) is not None
made = []
for number in range(4):
    molecule = psi4.geometry(f"O 0 0 0\\nH 0 0 {0.95 + 0.01 * number}\\nH 0 0.9 -0.2\\nsymmetry c1\\nno_com\\nno_reorient")
    before = len(calls)
    psi4.gradient("hf", molecule=molecule)
    psi4.core.clean()
    made.append(len(calls) - before)
print("\\n" + json.dumps(made))
"""


@pytest.mark.psi4
def test_psi4_builds_no_basis_for_the_third_label(tmp_path: Path) -> None:
    install = find_psi4()
    folder = str(Path(psi4_worker.__file__).parent)
    done = subprocess.run(
        [str(install.interpreter), "-c", COUNTING, folder],
        cwd=tmp_path,
        env=install.environment(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    made = json.loads(done.stdout.splitlines()[-1])
    assert made[0] > 0
    assert made[2:] == [0, 0]


@pytest.mark.psi4
@pytest.mark.parametrize("theory", ["hf/6-31g*", "b3lyp/def2-svp"])
def test_numbers_are_those_of_a_program_that_has_just_begun(theory: str) -> None:
    path = [water(0.02 * number) for number in range(4)]
    after_others, first = labelled(path, theory)[-1], labelled(path[-1:], theory)[0]
    assert after_others.energy == first.energy
    assert np.array_equal(after_others.forces, first.forces)


def labelled(structures: list[Structure], theory: str) -> list[Label]:
    labeler = Psi4Labeler(Theory.parse(theory))
    answers = [labeler.compute(structure) for structure in structures]
    labeler.close()
    assert all(isinstance(answer, Label) for answer in answers), answers
    return answers  # type: ignore[return-value]
