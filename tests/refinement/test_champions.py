"""The record of champions: appended to, never changed, and a way back."""

from __future__ import annotations

import pytest

from reactal.errors import InputError
from reactal.refinement.champions import Champion, Champions
from reactal.store.memory import MemoryStore


def champions(*models: str) -> Champions:
    record = Champions(MemoryStore(), "sn2")
    for model in models:
        record.appoint(Champion(model, "promoted", "2026-11-21"))
    return record


def test_the_newest_is_in_use_and_saying_it_twice_changes_nothing() -> None:
    record = champions("a", "b", "b")
    assert [one.model for one in record.history()] == ["a", "b"]


def test_going_back_twice_goes_two_back() -> None:
    record = champions("a", "b", "c")
    assert record.previous().model == "b"
    record.appoint(Champion("b", "rolled back", "later"))
    assert record.previous().model == "a"
    record.appoint(Champion("a", "rolled back", "later"))
    with pytest.raises(InputError, match="nothing to go back to"):
        record.previous()
    assert [one.model for one in record.history()] == ["a", "b", "c", "b", "a"]


def test_a_promotion_after_going_back_can_be_undone_too() -> None:
    record = champions("a", "b", "a", "d")
    assert record.previous().model == "a"
