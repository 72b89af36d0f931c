"""The programs beside Psi4: the names they know, the stress of their cells, and files that stand for a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from reactal.chem import FailureKind, Frames, Label, LabelFailure, Structure, Theory
from reactal.chem.convert import write_frames
from reactal.errors import ConfigError, UnknownTheory
from reactal.labeling.lookup import lookup_theory
from reactal.labeling.pinned import content_of
from reactal.labeling.programs import PROGRAMS, check_theory, make_labeler
from reactal.labeling.teacher import teacher_theory
from reactal.potentials.export import write_committee
from reactal.sections import TheorySection
from tests.labeling.molecules import hydroxyl, water, waters
from tests.potentials.surface import committee_of_random_networks

STRAIN = 1e-4
STRESS_AGREES = 2e-6  # eV/angstrom^3


def test_a_campaign_file_may_name_every_program() -> None:
    assert set(get_args(TheorySection.model_fields["program"].annotation)) == set(PROGRAMS)


@pytest.mark.parametrize(
    ("program", "name", "keywords", "message"),
    [
        ("xtb", "gfn2-xtb/none", {}, "did you mean gfn2/none"),
        ("xtb", "gfn2/sto-3g", {}, "did you mean gfn2/none"),
        ("xtb", "gfn2/none", {"acuracy": 0.1}, "did you mean accuracy"),
        ("xtb", "gfn2/none", {"accuracy": -1.0}, "must be a number above zero"),
        ("xbt", "gfn2/none", {}, "did you mean xtb"),
        ("teacher", "comittee/none", {}, "did you mean committee/none"),
        ("teacher", "committee/none", {}, "needs the keyword model"),
        ("pool", "hf/sto-3g", {"file": "nowhere.xyz"}, "nowhere.xyz cannot be read"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest_right_one(
    program: str, name: str, keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises((ConfigError, UnknownTheory), match=message):
        check_theory(Theory.parse(name, program=program, keywords=keywords), water())


def labelled(theory: Theory, structure: Structure) -> Label:
    answer = make_labeler(theory).compute(structure)
    assert isinstance(answer, Label), answer
    return answer


def crystal(program: str) -> Structure:
    """A shaken, strained cell of a substance that the program knows."""
    rng = np.random.default_rng(3)
    cell = {"ase": 2.6, "xtb": 4.0}[program] * (np.eye(3) + 0.05 * rng.normal(size=(3, 3)))
    places = {"ase": [[0.02, 0.0, 0.01], [0.5, 0.51, 0.47]], "xtb": [[0.02, 0.0, 0.01], [0.2, 0.1, 0.05]]}[program]
    symbols = {"ase": ["Cu", "Cu"], "xtb": ["F", "H"]}[program]
    return Structure.from_symbols(symbols, np.array(places) @ cell, cell=cell, pbc=(True, True, True))


@pytest.mark.parametrize(("program", "name"), [("ase", "emt/none"), ("ase", "lj/none"), ("xtb", "gfn1/none")])
def test_the_stress_is_the_slope_of_the_energy_under_strain(program: str, name: str) -> None:
    theory = Theory.parse(name, program=program, keywords={"rc": 5.0, "sigma": 2.2} if name == "lj/none" else {})
    structure = crystal(program)
    stress = labelled(theory, structure).stress
    assert stress is not None and structure.cell is not None
    for row, column in ((0, 0), (1, 2)):
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[row, column] += 0.5 * sign * STRAIN
            strain[column, row] += 0.5 * sign * STRAIN
            energies.append(
                labelled(theory, replace(structure, positions=structure.positions @ strain, cell=structure.cell @ strain)).energy
            )
        slope = (energies[0] - energies[1]) / (2 * STRAIN) / abs(np.linalg.det(structure.cell))
        assert stress[row, column] == pytest.approx(slope, abs=STRESS_AGREES)
    again = Label.from_json(labelled(theory, structure).as_json())
    assert again.stress == pytest.approx(stress, abs=1e-12)
    assert labelled(theory, replace(structure, pbc=(True, True, False))).stress is None


def test_a_molecule_has_no_stress() -> None:
    assert labelled(Theory.parse("emt/none", program="ase"), water()).stress is None


def test_an_xtb_cycle_that_does_not_converge_says_so() -> None:
    answer = make_labeler(Theory.parse("gfn2/none", program="xtb", keywords={"max_iterations": 2})).compute(water())
    assert isinstance(answer, LabelFailure)
    assert answer.kind is FailureKind.SCF_NOT_CONVERGED


def test_the_electronic_temperature_is_in_kelvin() -> None:
    """tblite's own default is 300 K; far above it, electrons leave the lowest orbitals and the free energy falls."""
    cold, usual, hot = (
        labelled(Theory.parse("gfn2/none", program="xtb", keywords=keywords), water()).energy
        for keywords in ({"electronic_temperature": 300.0}, {}, {"electronic_temperature": 30000.0})
    )
    assert cold == pytest.approx(usual, abs=1e-6)
    assert hot < usual - 0.01


EMT = Theory.parse("emt/none", program="ase")


def pool_of(folder: Path, name: str, structures: list[Structure]) -> Theory:
    frames = Frames.of(structures, [labelled(EMT, structure) for structure in structures])
    if name.endswith(".parquet"):
        import pyarrow.parquet as pq

        pq.write_table(frames.to_arrow(), folder / name)
    else:
        write_frames(folder / name, frames)
    return lookup_theory(folder / name, EMT)


@pytest.mark.parametrize("name", ["labels.xyz", "labels.traj", "labels.parquet"])
def test_a_pool_gives_back_what_is_in_the_file(name: str, tmp_path: Path) -> None:
    """A few structures among many; extended XYZ has rounded their positions."""
    known = [water(0.01 * shift + 1e-8 * np.pi) for shift in range(40)]
    theory = pool_of(tmp_path, name, known)
    check_theory(theory, known[0])
    pool = make_labeler(theory)
    for structure in known:
        answer, truth = pool.compute(structure), labelled(EMT, structure)
        assert isinstance(answer, Label), answer
        assert (answer.structure_key, answer.theory) == (structure.key, theory.fingerprint)
        assert answer.energy == pytest.approx(truth.energy, abs=1e-6)
        assert answer.forces == pytest.approx(truth.forces, abs=1e-6)


def test_what_is_not_in_the_pool_is_a_failure_and_other_atoms_are_found_before(tmp_path: Path) -> None:
    theory = pool_of(tmp_path, "labels.xyz", waters(3))
    answer = make_labeler(theory).compute(water(0.011))
    assert isinstance(answer, LabelFailure)
    assert answer.kind is FailureKind.INVALID_INPUT
    assert "none of the 3 labelled ones in labels.xyz" in answer.message
    with pytest.raises(UnknownTheory, match="no label of these atoms"):
        check_theory(theory, hydroxyl())


def test_a_file_without_labels_is_no_pool(tmp_path: Path) -> None:
    write_frames(tmp_path / "bare.xyz", Frames.of(waters(2)))
    with pytest.raises(ConfigError, match="no structure with energy and forces"):
        make_labeler(lookup_theory(tmp_path / "bare.xyz", EMT))


def a_pool(folder: Path) -> tuple[Theory, Path]:
    return pool_of(folder, "labels.xyz", waters(2)), folder / "labels.xyz"


def a_teacher(folder: Path) -> tuple[Theory, Path]:
    model = write_committee(folder / "model", committee_of_random_networks())
    return teacher_theory(model), model / "model.json"


@pytest.mark.parametrize("made", [a_pool, a_teacher])
def test_a_file_that_changes_gets_no_label_under_the_old_name(
    made: Callable[[Path], tuple[Theory, Path]], tmp_path: Path
) -> None:
    theory, file = made(tmp_path)
    make_labeler(theory)
    file.write_bytes(file.read_bytes() + b"\n")
    with pytest.raises(ConfigError, match="has changed"):
        make_labeler(theory)
    keywords = {name: value for name, value in theory.keywords if name != "content"}
    with pytest.raises(ConfigError, match=rf"content: {content_of(next(iter(keywords.values())))}"):  # type: ignore[arg-type]
        make_labeler(replace(theory, keywords=tuple(keywords.items())))


def test_a_teacher_says_what_its_committee_says(tmp_path: Path) -> None:
    committee = committee_of_random_networks()
    theory = teacher_theory(write_committee(tmp_path / "model", committee))
    check_theory(theory, water())
    said, wanted = labelled(theory, water()), committee.predict(Frames.of([water()]))
    assert said.energy == pytest.approx(wanted.energy[0], abs=1e-9)
    assert said.forces == pytest.approx(wanted.forces, abs=1e-9)
    with pytest.raises(UnknownTheory, match="knows nothing of He"):
        check_theory(theory, Structure.from_symbols(["He"], [[0.0, 0.0, 0.0]]))


def test_theories_of_programs_that_were_there_before_keep_their_fingerprints() -> None:
    """The store finds labels by them."""
    assert Theory.parse("emt/none", program="ase").fingerprint == "1f92f50078440da05512b3a7"
    assert Theory.parse("leps/none", program="ase").fingerprint == "aa5e7340792b225e3d4936af"
