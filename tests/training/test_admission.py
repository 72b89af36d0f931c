from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.chem.files import write_labelled
from reactal.cli.main import invoke
from reactal.errors import InputError
from reactal.training.admission import admitted
from tests.potentials.surface import METHANOL, WATER, labelled


def spoilt(frames: Frames, *, atom: int) -> Frames:
    forces = frames.forces.copy()
    forces[atom, 1] = np.nan
    return replace(frames, forces=forces)


def test_labels_of_one_theory_or_of_none_are_admitted() -> None:
    frames = labelled(METHANOL, WATER, count=4)
    assert admitted(frames) is frames
    named = frames.with_extra(theory=["hf/6-31g*", "", "hf/6-31g*", ""])
    assert admitted(named) is named
    assert len(admitted(frames[:0])) == 0


def test_forces_that_are_no_numbers_are_named() -> None:
    frames = spoilt(labelled(METHANOL, WATER, count=4), atom=7)  # of the first water
    with pytest.raises(InputError, match=r"1 of 4 .* number 1, from 0"):
        admitted(frames)
    energy = frames.energy.copy()
    energy[1] = np.nan  # then it is no label at all
    admitted(replace(frames, energy=energy))


def test_several_theories_are_refused() -> None:
    frames = labelled(WATER, count=3).with_extra(theory=["b3lyp/def2-svp", "hf/6-31g*", "hf/6-31g*"])
    with pytest.raises(InputError, match=r"2 theories \(b3lyp/def2-svp, hf/6-31g\*\)"):
        admitted(frames)


@pytest.mark.parametrize("suffix", ["extxyz", "parquet"])
def test_reactal_train_refuses_them_in_one_sentence(suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / f"mixed.{suffix}"
    write_labelled(file, labelled(WATER, count=3).with_extra(theory=["pbe/def2-svp", "hf/6-31g*", "hf/6-31g*"]))
    assert invoke(["train", str(file), "--out", str(tmp_path / "model")]) == 2
    said = capfd.readouterr().err
    assert "the labels are of 2 theories (hf/6-31g*, pbe/def2-svp)" in said and "Traceback" not in said


@pytest.mark.parametrize("count", [0, 1, 2])
def test_reactal_train_takes_one_label_and_refuses_none(count: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "few.parquet"
    unlabelled = replace(labelled(WATER, count=2), energy=np.full(2, np.nan))
    write_labelled(file, Frames.concat([unlabelled, labelled(WATER, count=count)]) if count else unlabelled)
    answer = invoke(["train", str(file), "--out", str(tmp_path / "model"), "--members", "1", "--steps", "3"])
    captured = capfd.readouterr()
    assert answer == (0 if count else 2)
    assert ("holds no labelled geometry" in captured.err) == (not count)
    assert (tmp_path / "model" / "model.json").exists() == bool(count)
