"""What is dropped in stays what it was, once."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.errors import DamagedObject
from reactal.refinement.inbox import Inbox, Kind
from reactal.store.memory import MemoryStore


def frames() -> Frames:
    return Frames.of([Structure((1, 1), [[0, 0, 0], [0, 0, 0.7 + 0.1 * i]]) for i in range(3)])


def test_the_same_frames_twice_are_one_entry() -> None:
    box = Inbox(MemoryStore(), "h2")
    first = box.add(frames(), kind=Kind.TRAJECTORY, file="md.traj", added="2026-11-21T10:00:00+00:00")
    assert box.add(frames(), kind=Kind.STRUCTURES, file="again.traj", added="2026-11-21T11:00:00+00:00").name == first.name
    (entry,) = box.entries()
    assert entry == first
    np.testing.assert_array_equal(box.frames(entry).positions, frames().positions)


def test_damaged_frames_are_named() -> None:
    store = MemoryStore()
    box = Inbox(store, "h2")
    entry = box.add(frames(), kind=Kind.STRUCTURES, file="some.xyz", added="2026-11-21T10:00:00+00:00")
    store.put(f"campaigns/h2/inbox/{entry.name}.parquet", b"other bytes")
    with pytest.raises(DamagedObject, match=r"some\.xyz"):
        box.frames(entry)
