"""Which outcomes are held back until a comparison has passed, and what one that fails puts into doubt."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Attempt, Label
from reactal.labeling.comparisons import Comparisons, Finished

NEARBY = Attempt((("rung", "nearby_guess"), ("guess", "read")))


def label(key: str, *, nearby: bool = True, energy: float = -1.0) -> Label:
    return Label(key, "theory", energy, np.zeros((1, 3)), attempts=(NEARBY if nearby else Attempt((("rung", "default"),)),))


def finished(key: str, *, nearby: bool = True, owes: bool = False) -> Finished:
    return Finished(key, label(key, nearby=nearby), reused=False, owes=owes)


def keys(some: object) -> list[str]:
    return [one.key for one in some]  # type: ignore[attr-defined]


def test_without_any_comparison_everything_is_handed_out_at_once() -> None:
    held = Comparisons()
    assert keys(held.answered(finished("a"))) == ["a"]
    assert (len(held), held.outstanding) == (0, 0)


def test_what_may_have_begun_from_it_waits_with_it_and_nothing_else() -> None:
    held = Comparisons()
    assert keys(held.answered(finished("a", owes=True))) == []
    assert keys(held.answered(finished("b"))) == []
    assert keys(held.answered(finished("fresh", nearby=False))) == ["fresh"]
    assert held.next().key == "a"
    assert (len(held), held.outstanding) == (0, 1)
    assert keys(held.answered(finished("c"))) == []
    assert keys(held.passed("a")) == ["a", "b", "c"]
    assert keys(held.answered(finished("d"))) == ["d"]


def test_of_two_comparisons_the_later_one_holds_back_what_came_after_it() -> None:
    held = Comparisons()
    for key, owes in (("a", True), ("b", False), ("c", True), ("d", False)):
        assert keys(held.answered(finished(key, owes=owes))) == []
    assert [held.next().key, held.next().key] == ["a", "c"]
    assert keys(held.passed("c")) == []
    assert keys(held.passed("a")) == ["a", "b", "c", "d"]


def test_where_one_fails_the_lower_state_counts_and_all_after_it_are_compared() -> None:
    held, lower = Comparisons(), label("a", nearby=False, energy=-2.0)
    for key, owes in (("a", True), ("b", False), ("c", False)):
        assert keys(held.answered(finished(key, owes=owes))) == []
    assert held.next().key == "a"
    (first,) = held.failed("a", lower)
    assert (first.key, first.answer) == ("a", lower)
    assert [held.next().key, held.next().key] == ["b", "c"]
    assert keys(held.passed("b")) == ["b"]
    assert keys(held.failed("c", label("c", energy=-3.0))) == ["c"]
    assert (len(held), held.outstanding) == (0, 0)
    with pytest.raises(IndexError):
        held.next()
