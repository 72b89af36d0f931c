"""What every object store promises."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reactal.errors import ObjectNotFound
from reactal.store.objects import ObjectStore
from reactal.store.opening import open_store

WRITERS = 8
BAD_KEYS = ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a b", "a\\b", "ä", "~tmp/a", "a\nb", "x" * 300, "a/" * 600 + "b"]
# Characters on both sides of the slash, so that an order by folders differs from the order of keys.
KEYS = ["a/b", "a/c/d", "a-b/c", "a.b", "a+b", "a=b", "a0", "A", "aa/b", "_/x", "z/00000010.json", "z/00000009.json"]


@pytest.mark.parametrize("data", [b"", b"\x00\xff\r\n\x1a", os.urandom(1 << 20)], ids=["empty", "binary", "1 MiB"])
def test_get_gives_back_the_bytes(store: ObjectStore, data: bytes) -> None:
    store.put("some/key", data)
    assert store.get("some/key") == data


def test_a_missing_object_is_named(store: ObjectStore) -> None:
    store.put("some/key", b"")
    for missing in ("some/other", "some", "some/key/below"):
        with pytest.raises(ObjectNotFound, match=missing):
            store.get(missing)


def test_put_replaces(store: ObjectStore) -> None:
    store.put("key", b"old and longer")
    store.put("key", b"new")
    assert store.get("key") == b"new"


def test_put_if_absent_keeps_the_first(store: ObjectStore) -> None:
    assert store.put_if_absent("key", b"first") is True
    assert store.put_if_absent("key", b"second") is False
    assert store.put_if_absent("key", b"first") is False
    assert store.get("key") == b"first"
    store.delete("key")
    assert store.put_if_absent("key", b"third") is True
    assert store.get("key") == b"third"


def test_list_is_ascending_and_by_prefix(store: ObjectStore) -> None:
    assert list(store.list("")) == []
    for key in KEYS:
        store.put(key, b"")
    for prefix in ("", "a", "a/", "a-", "a/b", "z/0000", "z/00000009.json", "nothing", "nothing/at/all"):
        assert list(store.list(prefix)) == sorted(key for key in KEYS if key.startswith(prefix)), prefix


def test_delete_removes_and_is_silent_about_nothing(store: ObjectStore) -> None:
    store.put("some/key", b"")
    store.delete("some/key")
    store.delete("some/key")
    store.delete("never/there")
    with pytest.raises(ObjectNotFound):
        store.get("some/key")
    assert list(store.list("some/")) == []


@pytest.mark.parametrize("key", BAD_KEYS)
def test_bad_keys_are_refused(store: ObjectStore, key: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.get(key),
        lambda: store.put(key, b""),
        lambda: store.put_if_absent(key, b""),
        lambda: store.delete(key),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="is no key"):
            call()


@pytest.mark.parametrize("prefix", ["/a", "a//b", "../a", "ä", "~tmp/"])
def test_bad_prefixes_are_refused(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(ValueError, match="no key starts with"):
        list(store.list(prefix))


def test_its_url_opens_it_again(store: ObjectStore) -> None:
    store.put("key", b"data")
    assert open_store(store.url, single_writer=True).get("key") == b"data"


KEY = st.sampled_from(KEYS)
DATA = st.binary(max_size=40)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEY, DATA),
        st.tuples(st.just("put_if_absent"), KEY, DATA),
        st.tuples(st.just("get"), KEY, st.none()),
        st.tuples(st.just("delete"), KEY, st.none()),
    ),
    max_size=25,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_sequence_of_calls_does_what_a_dict_does(store: ObjectStore, steps: list[tuple[str, str, bytes | None]]) -> None:
    for key in list(store.list("")):
        store.delete(key)
    model: dict[str, bytes] = {}
    for call, key, data in steps:
        if call == "put":
            store.put(key, data)
            model[key] = data
        elif call == "put_if_absent":
            assert store.put_if_absent(key, data) is (key not in model)
            model.setdefault(key, data)
        elif call == "delete":
            store.delete(key)
            model.pop(key, None)
        elif key in model:
            assert store.get(key) == model[key]
        else:
            with pytest.raises(ObjectNotFound):
                store.get(key)
    assert {key: store.get(key) for key in store.list("")} == model


def test_one_of_many_threads_wins(shared_store: ObjectStore) -> None:
    start = Barrier(WRITERS)

    def write(writer: int) -> bool:
        start.wait()
        return shared_store.put_if_absent(f"race/{race}", b"%d" % writer * 1000)

    with ThreadPoolExecutor(WRITERS) as threads:
        for race in range(5):
            won = list(threads.map(write, range(WRITERS)))
            assert sum(won) == 1
            assert shared_store.get(f"race/{race}") == b"%d" % won.index(True) * 1000


def test_one_of_many_processes_wins(shared_url: str) -> None:
    processes, races = 4, 10
    spawned = multiprocessing.get_context("spawn")
    with spawned.Pool(processes, initializer=_meet, initargs=(spawned.Barrier(processes),)) as pool:
        won = pool.starmap(_race, [(shared_url, writer, races) for writer in range(processes)], chunksize=1)
    store = open_store(shared_url)
    for race, winners in enumerate(zip(*won, strict=True)):
        assert sum(winners) == 1
        assert store.get(f"race/{race}") == b"%d" % winners.index(True)


def test_readers_see_all_of_an_object_or_none(shared_store: ObjectStore) -> None:
    contents = [bytes([number]) * (1 << 19) for number in (1, 2)]

    def write(data: bytes) -> None:
        for _ in range(10):
            shared_store.put("key", data)

    shared_store.put("key", contents[0])
    with ThreadPoolExecutor(2) as threads:
        writing = [threads.submit(write, data) for data in contents]
        reads = 0
        while reads < 3 or not all(done.done() for done in writing):
            assert shared_store.get("key") in contents
            reads += 1
        for done in writing:
            done.result()


def _meet(barrier) -> None:
    global _start  # each process of the pool has its own
    _start = barrier


def _race(url: str, writer: int, races: int) -> list[bool]:
    store = open_store(url)
    won = []
    for race in range(races):
        _start.wait()
        won.append(store.put_if_absent(f"race/{race}", b"%d" % writer))
    return won
