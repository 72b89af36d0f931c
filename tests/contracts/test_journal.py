"""The journal on every object store: in order, without gaps, one driver."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reactal.errors import DamagedObject, DriverConflict
from reactal.store.journal import Journal
from reactal.store.objects import ObjectStore
from reactal.store.opening import open_store

PREFIX = "campaigns/test/journal"
EVENTS: list[dict[str, Any]] = [{"kind": "started", "seed": 1}, {"kind": "labelled", "keys": ["a", "b"], "x": 0.1}, {"kind": "å"}]


@pytest.fixture
def journal(store: ObjectStore) -> Journal:
    journal = Journal(store, PREFIX)
    for seq, event in enumerate(EVENTS):
        journal.append(seq, event)
    return journal


def record(seq: int) -> str:
    return f"{PREFIX}/{seq:08d}.json"


def test_events_come_back_in_order(journal: Journal, store: ObjectStore) -> None:
    assert list(journal.read()) == EVENTS
    assert list(store.list("")) == [record(seq) for seq in range(3)]
    assert Journal(store, "campaigns/other/journal").read() == ()


@pytest.mark.parametrize("seq", [0, 1, 3])
def test_later_events_are_read_alone(journal: Journal, seq: int) -> None:
    assert list(journal.since(seq)) == EVENTS[seq:]


def test_another_drivers_event_is_a_conflict(journal: Journal) -> None:
    with pytest.raises(DriverConflict, match=f"another driver wrote event 2 of {PREFIX}") as caught:
        journal.append(2, {"kind": "other"})
    assert caught.value.exit_code == 2
    assert list(journal.read()) == EVENTS


def test_the_same_event_again_is_our_own_retry(journal: Journal) -> None:
    journal.append(2, EVENTS[2])
    assert list(journal.read()) == EVENTS


def test_named_drivers_conflict_even_over_equal_events(store: ObjectStore) -> None:
    first, second = (Journal(store, PREFIX, driver=name) for name in ("first", "second"))
    first.append(0, EVENTS[0])
    first.append(0, EVENTS[0])
    with pytest.raises(DriverConflict):
        second.append(0, EVENTS[0])
    assert list(second.read()) == EVENTS[:1]


@pytest.mark.parametrize("seq", [4, 100, -1])
def test_a_gap_is_never_written(journal: Journal, store: ObjectStore, seq: int) -> None:
    with pytest.raises(ValueError, match="does not follow"):
        journal.append(seq, {"kind": "late"})
    assert list(journal.read()) == EVENTS


@pytest.mark.parametrize("event", [{"x": float("nan")}, {"x": float("inf")}])
def test_numbers_that_json_has_not_are_refused(journal: Journal, event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        journal.append(3, event)
    assert list(journal.read()) == EVENTS


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_record_is_named(journal: Journal, store: ObjectStore, missing: int) -> None:
    store.delete(record(missing))
    with pytest.raises(DamagedObject, match=f"{record(missing)} .* is missing"):
        journal.read()


def test_a_damaged_record_is_named(journal: Journal, store: ObjectStore) -> None:
    good = store.get(record(1))
    for bad in (good[:-1], b"", b"null", good.replace(b"labelled", b"Labelled"), store.get(record(2))):
        store.put(record(1), bad)
        with pytest.raises(DamagedObject, match=record(1)):
            journal.read()
    store.put(record(1), good)
    assert list(journal.read()) == EVENTS


def test_what_else_lies_there_is_left_alone(journal: Journal, store: ObjectStore) -> None:
    for name in (".DS_Store", "notes.txt", "00000003.json.bak", "0000000000003.json"):
        store.put(f"{PREFIX}/{name}", b"?")
    assert list(journal.read()) == EVENTS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=4))
def test_any_json_comes_back_as_it_was(store: ObjectStore, events: list[dict[str, Any]]) -> None:
    for key in list(store.list("")):
        store.delete(key)
    journal = Journal(store, PREFIX)
    for seq, event in enumerate(events):
        journal.append(seq, event)
    assert list(Journal(store, PREFIX).read()) == events


def test_two_processes_cannot_both_win(shared_url: str) -> None:
    events = 6
    spawned = multiprocessing.get_context("spawn")
    with spawned.Pool(2, initializer=_meet, initargs=(spawned.Barrier(2),)) as pool:
        won = pool.starmap(_drive, [(shared_url, driver, events) for driver in ("one", "two")], chunksize=1)
    read = Journal(open_store(shared_url), PREFIX).read()
    assert [event["by"] for event in read] == [("one", "two")[winner.index(True)] for winner in zip(*won, strict=True)]
    assert all(sum(winner) == 1 for winner in zip(*won, strict=True))


def _meet(barrier) -> None:
    global _start  # each process of the pool has its own
    _start = barrier


def _drive(url: str, driver: str, events: int) -> list[bool]:
    journal = Journal(open_store(url), PREFIX)
    won = []
    for seq in range(events):
        _start.wait()
        try:
            journal.append(seq, {"by": driver})
            won.append(True)
        except DriverConflict:
            won.append(False)
        _start.wait()
    return won
