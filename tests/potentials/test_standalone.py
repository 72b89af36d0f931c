"""A potential in one file says what the committee says, where there is no reactal."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.chem.convert import write_frames
from reactal.errors import InputError
from reactal.potentials.baseline import Baseline
from reactal.potentials.committee import Committee
from reactal.potentials.export import write_committee
from reactal.potentials.standalone import write_standalone
from tests.cli.toy import reactal
from tests.potentials.surface import METHANOL, committee_of_random_networks, labelled, stirred

SAME = 1e-9  # eV and eV/angstrom
CATION = replace(METHANOL, charge=1, multiplicity=2)
WAYS: dict[str, dict[str, Any]] = {
    "full": {"states": True},
    "dropout": {"members": 1, "heads": 3, "dropout": 0.5},
    "evidence": {"members": 1, "says": "evidence"},
}


def of(**more: Any) -> Committee:
    committee = committee_of_random_networks(**more)
    for seed, network in enumerate(committee.networks):
        stirred(network, size=0.03, seed=seed)
    return committee


@pytest.mark.parametrize("way", WAYS)
def test_the_file_says_what_the_committee_says(way: str, tmp_path: Path) -> None:
    committee, file = of(**WAYS[way]), tmp_path / "methanol.pt"
    write_standalone(committee, CATION, file)
    crushed = METHANOL.positions.copy()
    crushed[2] = crushed[0] + 0.6 * (crushed[2] - crushed[0])  # where the prior is felt
    places = [*labelled(METHANOL, count=2, seed=3, rattle=0.2).positions.reshape(-1, 6, 3), crushed]
    script = torch.jit.load(str(file))
    for positions in places:
        expected = committee.predict(Frames.of([CATION.moved(positions)]))
        energy, forces, energy_spread, force_spread = (part.numpy() for part in script(torch.from_numpy(positions)))
        assert energy == pytest.approx(expected.energy[0], abs=SAME)
        assert forces == pytest.approx(expected.forces, rel=SAME, abs=SAME)
        assert energy_spread == pytest.approx(expected.energy_spread[0], abs=SAME)
        assert force_spread == pytest.approx(expected.force_spread, abs=SAME)
    far = np.abs(committee.predict(Frames.of([CATION.moved(places[0])])).forces).max()
    assert np.abs(forces).max() > far + 5, "the prior"


def test_it_needs_no_reactal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    committee = replace(of(), about={"charge": 1, "multiplicity": 2})
    write_committee(tmp_path / "model", committee)
    write_frames(tmp_path / "one.xyz", Frames.of([METHANOL]))
    words = ("export", tmp_path / "model", "--like", tmp_path / "one.xyz", "--out", tmp_path / "methanol.pt")
    refused = reactal(capfd, *words, "--charge", 0, "--multiplicity", 1)
    assert refused.code == 2 and "knows nothing of charge +0" in refused.err and not (tmp_path / "methanol.pt").exists()
    answer = reactal(capfd, *words, "--json")
    assert answer.json["outputs"] == ["energy", "forces", "energy_spread", "force_spread"], answer.err
    code = (
        "import sys, json, torch\nextra = {'reactal.json': ''}\n"
        "script = torch.jit.load(sys.argv[1], _extra_files=extra)\n"
        "about = json.loads(extra['reactal.json'])\n"
        "energy, *_ = script(torch.arange(3.0 * len(about['numbers']), dtype=torch.float64).reshape(-1, 3).square().sqrt())\n"
        "assert not [name for name in sys.modules if name.startswith(('reactal', 'schnetpack'))]\n"
        "print(float(energy), about['charge'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "methanol.pt")], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    energy, charge = done.stdout.split()
    there = replace(METHANOL, positions=np.arange(18.0).reshape(-1, 3), charge=1, multiplicity=2)
    assert float(energy) == pytest.approx(committee.predict(Frames.of([there])).energy[0], abs=SAME)
    assert charge == "1"


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    for committee, why in (
        (replace(of(), baseline=Baseline("gfn2")), "on top of gfn2"),
        (of(kind="field_schnet"), "field_schnet network"),
    ):
        with pytest.raises(InputError, match=why):
            write_standalone(committee, METHANOL, tmp_path / "no.pt")
    assert list(tmp_path.iterdir()) == []
