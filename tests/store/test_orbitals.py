"""Orbitals that finished labels leave: a bounded number, the most surprising ones, and none that is damaged."""

from __future__ import annotations

from reactal.store import orbitals as module
from reactal.store.memory import MemoryStore
from reactal.store.orbitals import KEPT, OrbitalStore

PLACE = ("theory", "molecule")


def filled(store: OrbitalStore, surprises: list[float]) -> list[str]:
    for number, surprise in enumerate(surprises):
        store.put(*PLACE, b"orbitals %d" % number, surprise=surprise, known=store.names(*PLACE))
    return store.names(*PLACE)


def test_what_was_put_is_found_by_its_name_the_least_surprising_first() -> None:
    store = OrbitalStore(MemoryStore())
    names = filled(store, [1.0, 0.001, 0.02])
    assert [store.get(*PLACE, [name])[name] for name in names] == [b"orbitals 1", b"orbitals 2", b"orbitals 0"]
    assert store.names("theory", "another") == []


def test_the_least_surprising_makes_room() -> None:
    store = OrbitalStore(MemoryStore())
    full = filled(store, [0.5 + 0.001 * number for number in range(KEPT)])
    assert len(full) == KEPT
    assert store.put(*PLACE, b"dull", surprise=0.1, known=full) is None
    new = store.put(*PLACE, b"exciting", surprise=0.9, known=full)
    assert store.names(*PLACE) == sorted([*full[1:], new or ""])


def test_large_ones_are_fewer() -> None:
    store, large = OrbitalStore(MemoryStore()), bytes(module.BYTES // 4)
    for number in range(8):
        store.put(*PLACE, large + b"%d" % number, surprise=0.1 * number, known=store.names(*PLACE))
    assert len(store.names(*PLACE)) == 3


def test_what_is_not_as_it_was_written_is_passed_over() -> None:
    objects = MemoryStore()
    store = OrbitalStore(objects)
    whole, damaged = filled(store, [0.1, 0.2])
    objects.put(f"orbitals/theory/molecule/{damaged}", b"orbitals?")
    assert set(store.get(*PLACE, [whole, damaged, "1000000-gone"])) == {whole}
    store.remove(*PLACE, [whole, whole])
    assert store.names(*PLACE) == [damaged]
