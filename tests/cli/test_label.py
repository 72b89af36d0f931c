"""`reactal label`: any file in, labels out, each paid for once, every mistake in one sentence before anything is computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reactal.chem.files import read_any
from reactal.labeling.leps import leps
from tests.cli.toy import Answer, reactal

TRIO = "3\n0 2\nH 0 0 0\nH 0 0 {middle:.4f}\nH 0 0 2.0\n"
LITHIUM = "3\n0 2\nLi 0 0 0\nH 0 0 1.6\nH 0 0 3.0\n"
CLASSES = """cluster: {{kind: none}}
resources: {{classes: [{{slots: 1, threads: 1, memory_mib: 500}}, {{slots: {slots}, threads: 2, memory_mib: 900}}]}}
"""
COUNT = 6


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    file = tmp_path / "path.xyz"
    file.write_text("".join(TRIO.format(middle=middle) for middle in np.linspace(0.75, 1.25, COUNT)))
    return file


def label(capfd: pytest.CaptureFixture[str], frames: Path, out: str, *more: object) -> Answer:
    options = ("--theory", "leps/none", "--program", "ase", "--store", frames.parent / "store", "--slots", 1, "--json")
    return reactal(capfd, "label", frames, "--out", frames.parent / out, *options, *more)


@pytest.mark.parametrize("suffix", [".extxyz", ".db", ".h5", ".npy", ".parquet"])
def test_labels_are_in_the_file_of_every_suffix(suffix: str, frames: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = label(capfd, frames, f"out{suffix}")
    assert (answer.code, answer.json["computed"], answer.json["failures"]) == (0, COUNT, {})
    assert answer.json["flagged"]["any"] == 0
    found = read_any(frames.parent / f"out{suffix}")
    if suffix in (".h5", ".parquet"):
        assert found.extra["flags"].tolist() == [""] * COUNT
    assert len(found) == COUNT and (found.multiplicity == 2).all()
    for row in range(COUNT):
        energy, forces = leps(found.positions[found.atoms(row)])
        assert found.energy[row] == pytest.approx(energy, abs=1e-6)
        np.testing.assert_allclose(found.forces[found.atoms(row)], forces, atol=1e-6)


def test_a_stopped_run_goes_on_and_other_workers_share_what_is_there(frames: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = frames.read_text()
    frames.write_text("".join(whole.splitlines(keepends=True)[:10]))
    assert label(capfd, frames, "first.h5").json["computed"] == 2
    frames.write_text(whole)
    answer = label(capfd, frames, "all.h5", "--cluster", "local")
    assert (answer.json["computed"], answer.json["reused"]) == (COUNT - 2, 2)
    assert read_any(frames.parent / "all.h5").labelled.all()


def test_failures_are_counted_by_kind_and_leave_the_others(frames: Path, capfd: pytest.CaptureFixture[str]) -> None:
    frames.write_text(frames.read_text() + LITHIUM)
    answer = label(capfd, frames, "out.h5")
    assert (answer.code, answer.json["computed"], answer.json["failures"]) == (1, COUNT, {"invalid_input": 1})
    assert [failed["index"] for failed in answer.json["failed"]] == [COUNT]
    assert read_any(frames.parent / "out.h5").labelled.tolist() == [True] * COUNT + [False]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--multiplicity", "1"], "geometry 1"),
        (["--multiplicity", "high"], "lowest"),
        (["--state", "H3"], "OH=-1,1"),
        (["--out", "out.pdb"], "keeps no labels"),
        (["--out", "nowhere/out.h5"], "no folder"),
        (["--theory", "lepz/none"], "leps/none"),
        (["--theory", "leps"], "method/basis"),
        (["--keyword", "cell"], "name=value"),
        (["--keyword", "sigma=0.1"], "sigma"),
        (["--cluster", "tcp://127.0.0.1:1"], "dask scheduler"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_sentence_and_nothing_is_computed(
    more: list[str], words: str, frames: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("reactal.labeling.cluster.CONNECT_SECONDS", 1)
    answer = label(capfd, frames, "out.h5", *more)
    assert answer.code == (1 if "--cluster" in more else 2)
    assert answer.err.count("\n") == 1 and words in answer.err
    assert not (frames.parent / "out.h5").exists()
    assert list((frames.parent / "store").rglob("labels/*/??/*.json")) == []


def test_where_to_label_may_stand_in_a_file(frames: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = frames.parent / "cluster.yaml"
    for text, code, words in (
        ("cluster: {kind: none}\n", 0, ""),
        ("kind: none\n", 2, "no section `cluster:`"),
        ("cluster: {kind: slurn}\n", 2, "did you mean slurm?"),
        ("cluster: {kind: slurm, cores: 0}\n", 2, "cluster.cores: "),
        (CLASSES.format(slots=1), 0, ""),
        (CLASSES.format(slots=0), 2, "resources.classes.1.slots: "),
        ("cluster: {kind: none}\nresources: {thread: 2}\n", 2, "resources.thread: "),
        ("cluster: {kind: none}\nresources: [2]\n", 2, "resources: it holds keys and values"),
    ):
        file.write_text(text)
        answer = label(capfd, frames, f"out{code}.h5", "--cluster", file)
        assert (answer.code, words in answer.err) == (code, True)
        assert (frames.parent / f"out{code}.h5").exists() == (code == 0)


def test_keywords_are_part_of_the_theory(frames: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As a campaign's file would have them: numbers are numbers."""
    for more, told in (((), {}), (("--keyword", "electronic_temperature=1000"), {"electronic_temperature": 1000})):
        answer = label(capfd, frames, "out.h5", "--program", "xtb", "--theory", "gfn2/none", *more)
        assert (answer.code, answer.json["computed"]) == (0, COUNT)  # the other theory's labels are not these
        assert answer.json["theory"]["keywords"] == told


def test_an_empty_file_is_a_mistake(frames: Path, capfd: pytest.CaptureFixture[str]) -> None:
    frames.write_text("")
    answer = label(capfd, frames, "out.h5")
    assert (answer.code, answer.err.count("\n")) == (2, 1)


@pytest.mark.psi4
def test_radical_and_ion_of_one_file_are_what_its_comments_say(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The hydroxide ion lies below the radical in any but the smallest basis; in STO-3G it lies above."""
    block = "2\n{state}\nO 0 0 0\nH 0 0 0.97\n"
    (tmp_path / "oh.xyz").write_text(block.format(state="0 2") + block.format(state="-1 1"))
    options = ("--theory", "hf/sto-3g", "--store", tmp_path / "store", "--json")
    answer = reactal(capfd, "label", tmp_path / "oh.xyz", "--out", tmp_path / "out.h5", *options)
    assert answer.code == 0, answer
    found = read_any(tmp_path / "out.h5")
    assert found.charge.tolist() == [0, -1] and found.multiplicity.tolist() == [2, 1]
    assert found.energy[1] > found.energy[0]
