"""`reactal train` beyond the defaults: one network with its doubt in itself, and a run that was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from reactal.chem.convert import write_frames
from reactal.potentials.export import read_committee
from tests.cli.toy import reactal
from tests.potentials.surface import METHANOL, labelled

WORDS = ("--hold-out", 0, "--members", 2)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("labels") / "labelled.extxyz"
    write_frames(file, labelled(METHANOL, count=12))
    return file


@pytest.mark.parametrize(("committee", "networks", "members"), [("shared", 1, 3), ("dropout", 1, 3), ("evidential", 1, 1)])
def test_one_network_may_be_the_committee(
    committee: str, networks: int, members: int, frames: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("train", frames, "--out", tmp_path / "m", "--steps", 2, "--hold-out", 0, "--members", 3, "--committee", committee)
    assert reactal(capfd, *words).code == 0
    model = read_committee(tmp_path / "m")
    assert (len(model.networks), len(model)) == (networks, members)
    out = tmp_path / "out.extxyz"
    said = reactal(capfd, "predict", tmp_path / "m", frames, "--out", out, "--json").json
    assert all(value > 0 for value in said["disagreement"])
    refused = reactal(capfd, "predict", tmp_path / "m", frames, "--out", out, "--charge", 2)
    assert refused.code == 2 and "knows nothing of charge +2" in refused.err


def test_a_committee_of_no_kind_is_refused(frames: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for words, said in ((("--committee", "jury"), "full, shared"), (("--committee", "dropout", "--members", 40), "2 to 10")):
        answer = reactal(capfd, "train", frames, "--out", tmp_path / "m", "--steps", 2, *words)
        assert answer.code == 2 and said in answer.err and not (tmp_path / "m").exists()


@pytest.mark.slow
def test_training_that_was_killed_goes_on_to_the_same_model(
    frames: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(frames), *map(str, WORDS), "--steps", "60", "--checkpoints", "5"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    states = killed / "checkpoints" / "members" / "1"
    with subprocess.Popen([sys.executable, "-m", "reactal.cli.main", *words, "--out", str(killed)]) as process:
        deadline = time.monotonic() + 300
        while not (states.is_dir() and any(states.iterdir())):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert not (killed / "model.json").exists()
    answer = reactal(capfd, *words, "--out", killed)
    assert answer.code == 0 and "training went on from step 60" in answer.err, "the first member was through"
    assert not (killed / "checkpoints").exists()
    assert reactal(capfd, *words, "--out", whole).code == 0
    for name in ("member-00.safetensors", "member-01.safetensors"):
        assert np.array_equal(*(np.frombuffer((folder / name).read_bytes(), np.uint8) for folder in (killed, whole)))
