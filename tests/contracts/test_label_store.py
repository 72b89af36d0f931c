"""Labels on every object store: paid for once, never replaced, never read damaged."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from reactal.errors import DamagedObject
from reactal.store.labels import LabelStore
from reactal.store.objects import ObjectStore
from tests.store.samples import THEORY, failure_of, label_of, waters

FINGERPRINT = THEORY.fingerprint


@pytest.fixture
def labels(store: ObjectStore) -> LabelStore:
    return LabelStore(store)


def test_a_label_comes_back_whole(labels: LabelStore) -> None:
    (water,) = waters(1)
    label = label_of(water)
    assert labels.get(FINGERPRINT, water.key) is None
    assert labels.put(label, water) is True
    found = labels.get(FINGERPRINT, water.key)
    assert found is not None
    assert found.as_json() == label.as_json()
    entry = labels.entry(FINGERPRINT, water.key)
    assert entry is not None
    assert entry.structure.as_json() == water.as_json()


def test_a_label_is_never_replaced(labels: LabelStore) -> None:
    (water,) = waters(1)
    labels.put(label_of(water, seed=1), water)
    assert labels.put(label_of(water, seed=2), water) is False
    assert labels.put(failure_of(water), water) is False
    assert labels.get(FINGERPRINT, water.key).energy == label_of(water, seed=1).energy
    assert list(labels.failures(FINGERPRINT)) == []


def test_a_label_replaces_a_failure_and_a_failure_another(labels: LabelStore) -> None:
    first, second = waters(2)
    for message in ("first", "second"):
        assert labels.put(failure_of(first, message), first) is True
    labels.put(failure_of(second), second)
    assert labels.get(FINGERPRINT, first.key) == failure_of(first, "second")
    assert list(labels.failures(FINGERPRINT)) == sorted([first.key, second.key])
    assert list(labels.keys(FINGERPRINT)) == []
    assert labels.put(label_of(first), first) is True
    assert labels.get(FINGERPRINT, first.key).energy == label_of(first).energy
    assert list(labels.failures(FINGERPRINT)) == [second.key]
    (entry,) = labels.failed(FINGERPRINT)
    assert (entry.structure, entry.outcome) == (second, failure_of(second))
    assert list(labels.keys(FINGERPRINT)) == [first.key]


def test_a_log_that_is_no_proper_text_is_kept(labels: LabelStore) -> None:
    (water,) = waters(1)
    failure = failure_of(water, b"\xff\x00 killed".decode(errors="surrogateescape"))
    labels.put(failure, water)
    assert labels.get(FINGERPRINT, water.key) == failure


def test_many_are_read_in_order_and_what_is_not_there_is_left_out(labels: LabelStore) -> None:
    structures = waters(40)
    for i, water in enumerate(structures[:30]):
        labels.put(failure_of(water) if i % 3 == 0 else label_of(water, seed=i), water)
    keys = [water.key for water in structures]
    found = labels.get_many(FINGERPRINT, keys)
    assert list(found) == keys[:30]
    assert [found[key].structure_key for key in found] == keys[:30]
    assert [i for i, key in enumerate(found) if found[key] == failure_of(structures[i])] == list(range(0, 30, 3))
    assert [entry is None for entry in labels.entries(FINGERPRINT, keys)] == [False] * 30 + [True] * 10
    assert list(labels.keys(FINGERPRINT)) == sorted(keys[i] for i in range(30) if i % 3)


def test_theories_are_kept_apart_and_written_down(labels: LabelStore) -> None:
    (water,) = waters(1)
    other = THEORY.with_keywords(scf_type="pk")
    labels.put(label_of(water), water)
    for theory in (THEORY, other, THEORY):
        labels.register(theory)
    assert labels.get(other.fingerprint, water.key) is None
    assert set(labels.theories()) == {THEORY, other}
    assert list(labels.keys(FINGERPRINT)) == [water.key]


def test_a_label_of_another_structure_is_a_mistake_of_the_program(labels: LabelStore) -> None:
    first, second = waters(2)
    with pytest.raises(ValueError, match=f"is of structure {first.key[:12]}"):
        labels.put(label_of(first), second)


def test_damage_is_named(labels: LabelStore, store: ObjectStore) -> None:
    water, other = waters(2)
    labels.put(label_of(water), water)
    labels.put(label_of(other), other)
    path = f"labels/{FINGERPRINT}/{water.key[:2]}/{water.key}.json"
    good = store.get(path)
    document = json.loads(good)
    document["label"]["energy"] += 1e-9
    theirs = store.get(f"labels/{FINGERPRINT}/{other.key[:2]}/{other.key}.json")
    newer = json.dumps({**json.loads(good), "schema": 99}).encode()
    for bad in (good[:-20], b"", b"\xff\x00", b"[]", json.dumps(document).encode(), theirs, newer):
        store.put(path, bad)
        with pytest.raises(DamagedObject, match=path):
            labels.get(FINGERPRINT, water.key)
        with pytest.raises(DamagedObject, match=path):
            labels.get_many(FINGERPRINT, [other.key, water.key])
    store.put(path, good)
    assert labels.get(FINGERPRINT, water.key) is not None


def test_one_of_many_workers_with_the_same_structure_is_kept(shared_store: ObjectStore) -> None:
    (water,) = waters(1)
    candidates = [replace(label_of(water), energy=float(i)) for i in range(8)]
    with ThreadPoolExecutor(8) as threads:
        kept = list(threads.map(lambda label: LabelStore(shared_store).put(label, water), candidates))
    assert sum(kept) == 1
    assert LabelStore(shared_store).get(FINGERPRINT, water.key).energy == float(kept.index(True))
