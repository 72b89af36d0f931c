from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactal.chem import Attempt, FailureKind, Label, LabelFailure, Theory
from reactal.errors import ConfigError, NonFinite

words = st.text("abcdefghij_", min_size=1, max_size=8)
keywords = st.dictionaries(words, st.one_of(st.integers(0, 99), st.booleans(), words), max_size=4)


@given(keywords)
def test_fingerprint_is_blind_to_order_and_case(given_keywords: dict[str, str | int | bool]) -> None:
    turned = {name.upper(): value for name, value in reversed(given_keywords.items())}
    one = Theory.parse("hf/6-31g*", keywords=given_keywords)
    assert one.fingerprint == Theory.parse("HF/6-31G*", keywords=turned).fingerprint
    assert Theory.from_json(json.loads(json.dumps(one.as_json()))) == one


def test_every_part_of_a_theory_changes_its_fingerprint() -> None:
    base = Theory.parse("hf/6-31g*")
    others = [
        Theory.parse("b3lyp/6-31g*"),
        Theory.parse("hf/6-31g"),
        Theory.parse("hf/6-31g*", program="ase"),
        base.with_keywords(reference="uhf"),
    ]
    assert len({base.fingerprint, *(other.fingerprint for other in others)}) == 5


@pytest.mark.parametrize("text", ["hf", "/6-31g*", "hf/", "hf/6-31g*; import os", "h f/sto-3g"])
def test_what_is_no_theory_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Theory.parse(text)


def test_labels_and_failures_survive_json() -> None:
    attempt = Attempt((("guess", "gwh"),), "scf_not_converged", 1.0, "tail")
    label = Label("k", "t", -1.5, np.ones((2, 3)), dipole=np.zeros(3), s_squared=0.75, attempts=(attempt,))
    again = Label.from_json(json.loads(json.dumps(label.as_json())))
    assert again.energy == label.energy
    assert np.array_equal(again.forces, label.forces)
    assert again.attempts == label.attempts
    failure = LabelFailure("k", "t", FailureKind.TIMEOUT, "took too long", (attempt,))
    assert LabelFailure.from_json(json.loads(json.dumps(failure.as_json()))) == failure


def test_flags_survive_json_and_labels_without_any_say_nothing_of_them() -> None:
    plain = Label("k", "t", -1.5, np.ones((2, 3)))
    flagged = Label("k", "t", -1.5, np.ones((2, 3)), flags=("spin_contaminated",))
    assert "flags" not in plain.as_json()
    assert Label.from_json(plain.as_json()).flags == ()
    assert Label.from_json(json.loads(json.dumps(flagged.as_json()))).flags == ("spin_contaminated",)


def test_a_label_must_be_finite() -> None:
    with pytest.raises(NonFinite):
        Label("k", "t", float("nan"), np.zeros((1, 3)))
