"""`reactal labels`: failures listed with their reasons, and tried again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reactal.chem import FailureKind, Label, LabelFailure, Theory
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.cli.toy import reactal
from tests.labeling.molecules import hydrogen_trios, not_hydrogen

LEPS = Theory.parse("leps/none", program="ase")
EMT = Theory.parse("emt/none", program="ase")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A timeout that would go well now, a molecule that the surface will never know, and a theory without failures."""
    labels = LabelStore(open_store(str(tmp_path / "store")))
    for theory in (LEPS, EMT):
        labels.register(theory)
    for structure, kind in ((hydrogen_trios(1)[0], FailureKind.TIMEOUT), (not_hydrogen(), FailureKind.INVALID_INPUT)):
        labels.put(LabelFailure(structure.key, LEPS.fingerprint, kind, f"because of\n{kind}"), structure)
    return tmp_path / "store"


def test_failures_are_listed_with_kind_and_reason(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    listed = reactal(capfd, "labels", "failed", "--store", store, "--json").json["failed"]
    assert {(failure["formula"], failure["kind"]) for failure in listed} == {("H3", "timeout"), ("H2He", "invalid_input")}
    assert all(failure["theory"] == "leps/none" and "because" in failure["message"] for failure in listed)
    table = reactal(capfd, "labels", "failed", "--store", store, "--kind", "timeout").out
    assert "H3" in table and "because of timeout" in table and "H2He" not in table
    assert "no failed labels" in reactal(capfd, "labels", "failed", "--store", store, "--theory", "emt/none").out


def test_what_fails_again_stays_and_the_rest_is_labelled(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "labels", "retry", "--store", store, "--json", "--slots", 1)
    assert (answer.code, answer.json["failed_again"]) == (1, 1)
    assert answer.json["theories"] == [{"theory": "leps/none", "tried": 2, "failures": {"invalid_input": 1}}]
    (left,) = reactal(capfd, "labels", "failed", "--store", store, "--json").json["failed"]
    assert left["formula"] == "H2He"


def test_only_one_kind_is_tried_again(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "labels", "retry", "--store", store, "--kind", "timeout", "--slots", 1)
    assert answer.code == 0
    assert answer.out == "1 tried again, 1 labelled, 0 failed again\n"
    answer = reactal(capfd, "labels", "retry", "--store", store, "--kind", "timeout")
    assert (answer.code, answer.out) == (0, "nothing to try again\n")


@pytest.mark.parametrize(
    ("more", "words"),
    [(["--kind", "tired"], "scf_not_converged"), (["--theory", "hf/sto-3g"], "leps/none")],
    ids=["kind", "theory"],
)
def test_a_name_that_is_not_there_is_told(more: list[str], words: str, store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for command in ("failed", "retry"):
        answer = reactal(capfd, "labels", command, "--store", store, *more)
        assert (answer.code, answer.err.count("\n")) == (2, 1) and words in answer.err


def test_noise_is_told_and_wrong_forces_end_with_an_error(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reactal(capfd, "labels", "retry", "--store", store, "--slots", 1)
    answer = reactal(capfd, "labels", "check", "--store", store, "--slots", 1, "--json")
    assert answer.code == 0, answer
    (told,) = answer.json["theories"]
    assert (told["theory"], told["labels"], told["sample"]) == ("leps/none", 1, 1)
    assert told["inconsistency"] < 1e-4
    labels, wrong = LabelStore(open_store(str(store))), hydrogen_trios(3)[2]
    labels.put(Label(wrong.key, LEPS.fingerprint, -1.0, np.ones((3, 3))), wrong)
    answer = reactal(capfd, "labels", "check", "--store", store, "--slots", 1)
    assert answer.code == 1 and "slope of energies" in answer.out
    assert "no labels" in reactal(capfd, "labels", "check", "--store", store, "--theory", "emt/none").out
