"""A model answers for the charges and multiplicities it was trained on, and for no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.chem.convert import write_frames
from reactal.errors import UnknownElement, UnknownState
from reactal.potentials.export import load_committee, save_committee, write_committee
from reactal.potentials.known_states import as_about, known_states
from tests.cli.toy import reactal
from tests.potentials.surface import METHANOL, committee_of_random_networks

CATION = replace(METHANOL, charge=1, multiplicity=2)
TRIPLET = replace(METHANOL, multiplicity=3)


def test_a_model_says_what_it_was_trained_on() -> None:
    assert as_about(Frames.of([CATION, CATION])) == {"charge": 1, "multiplicity": 2}
    both = as_about(Frames.of([METHANOL, CATION, METHANOL]))
    assert both == {"states": [[0, 1], [1, 2]]}
    assert known_states(both) == {(0, 1), (1, 2)}
    assert known_states(as_about(Frames.of([CATION]), before=[(0, 3)])) == {(0, 3), (1, 2)}
    assert known_states({"charge": -1, "multiplicity": 1}) == {(-1, 1)}, "as campaigns have always said it"


@pytest.mark.parametrize("states", [False, True])
def test_states_it_never_saw_are_refused(states: bool) -> None:
    committee = replace(committee_of_random_networks(states=states), about=as_about(Frames.of([METHANOL, CATION])))
    committee = load_committee(save_committee(committee))
    assert np.isfinite(committee.predict(Frames.of([METHANOL, CATION])).energy).all()
    assert issubclass(UnknownState, UnknownElement), "a validation treats both alike: nothing can be tested"
    with pytest.raises(
        UnknownState, match=r"charge \+0 with multiplicity 1 and charge \+1 with multiplicity 2 and knows nothing"
    ):
        committee.predict(Frames.of([METHANOL, TRIPLET]))
    unknown = replace(committee, about={"campaign": "of old"})
    assert np.isfinite(unknown.predict(Frames.of([TRIPLET])).energy).all()


def test_reactal_predict_refuses_them_in_a_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_committee(tmp_path / "model", replace(committee_of_random_networks(), about={"charge": 1, "multiplicity": 2}))
    write_frames(tmp_path / "neutral.xyz", Frames.of([METHANOL]))
    words = ("predict", tmp_path / "model", tmp_path / "neutral.xyz", "--out", tmp_path / "out.extxyz")
    answer = reactal(capfd, *words, "--charge", 0, "--multiplicity", 3)
    assert answer.code == 2 and answer.err.count("\n") == 1
    assert "knows nothing of charge +0 with multiplicity 3" in answer.err
    assert not (tmp_path / "out.extxyz").exists()
