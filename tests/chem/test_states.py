"""Charge and multiplicity: from options, from the file, by rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from reactal.chem.files import read_any
from reactal.chem.states import StateRules, state_in_comment
from reactal.errors import ImpossibleMultiplicity, InputError

HYDROXYL = "2\n{comment}\nO 0 0 0\nH 0 0 0.97\n"
WATER = "3\n{comment}\nO 0 0 0.1173\nH 0 0.7572 -0.4692\nH 0 -0.7572 -0.4692\n"


def states(file: Path, rules: StateRules | None = None) -> list[tuple[int, int]]:
    frames = read_any(file, rules)
    return list(zip(frames.charge.tolist(), frames.multiplicity.tolist(), strict=True))


@pytest.mark.parametrize("comment", ["-1 1", "charge=-1", "charge=-1 spin=1", "charge=-1 multiplicity=1 energy=-3.0"])
def test_the_file_says_it(comment: str, tmp_path: Path) -> None:
    (tmp_path / "oh.xyz").write_text(HYDROXYL.format(comment=comment) + WATER.format(comment="0 1"))
    assert states(tmp_path / "oh.xyz") == [(-1, 1), (0, 1)]


def test_a_comment_with_equal_numbers_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "oh.xyz").write_text(HYDROXYL.format(comment="1 1"))
    assert states(tmp_path / "oh.xyz") == [(1, 1)]


def test_a_comment_of_other_words_says_nothing() -> None:
    assert [state_in_comment(text) for text in ("0 2", "0", "frame 0 2", "0 2 7", "0.5 1")] == [(0, 2), None, None, None, None]


def test_without_a_word_a_radical_is_refused_and_lowest_is_the_rule(tmp_path: Path) -> None:
    (tmp_path / "mixed.xyz").write_text(WATER.format(comment="") + HYDROXYL.format(comment=""))
    with pytest.raises(ImpossibleMultiplicity, match=r"mixed\.xyz, geometry 2"):
        states(tmp_path / "mixed.xyz")
    lowest = StateRules.parse(charge=None, multiplicity="lowest")
    assert states(tmp_path / "mixed.xyz", lowest) == [(0, 1), (0, 2)]
    assert states(tmp_path / "mixed.xyz", StateRules.parse(charge=1, multiplicity="lowest")) == [(1, 2), (1, 1)]


def test_a_rule_of_a_formula_comes_first(tmp_path: Path) -> None:
    (tmp_path / "mixed.xyz").write_text(WATER.format(comment="0 3") + HYDROXYL.format(comment=""))
    rules = StateRules.parse(charge=None, multiplicity=None, states=["HO=-1,1"])
    assert states(tmp_path / "mixed.xyz", rules) == [(0, 3), (-1, 1)]


@pytest.mark.parametrize("rule", ["OH", "OH=1", "OH=a,1", "Xx2=0,1", "=0,1", "oh=0,1"])
def test_a_rule_that_is_none_is_explained(rule: str) -> None:
    with pytest.raises(InputError, match=r"OH=-1,1|unknown element"):
        StateRules.parse(charge=None, multiplicity=None, states=[rule])


def test_a_multiplicity_that_is_none_is_explained() -> None:
    with pytest.raises(InputError, match="lowest"):
        StateRules.parse(charge=None, multiplicity="high")
