"""What a Dask worker does with structures: it keeps a slot for each of its threads, whose programs outlive the task."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from reactal.chem import Structure, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.slot import Slot
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store

__all__ = ["Order", "close_slots", "label_on_worker"]

Order = tuple[dict[str, Any], float | None]
"""A structure as JSON, and the patience with it in seconds."""

_slots = threading.local()
_all_slots: list[Slot] = []


def label_on_worker(
    orders: list[Order], theory: dict[str, Any], store: tuple[str, bool], resources: LabelingResources
) -> list[tuple[dict[str, Any], bool]]:
    """The task: each label or failure as JSON, and whether the store had it before."""
    slot, level = _slot(store, resources), Theory.from_json(theory)
    answers = (slot.answer(Structure.from_json(structure), level, patience_s=patience) for structure, patience in orders)
    return [(answer.as_json(), reused) for answer, reused in answers]


def _slot(store: tuple[str, bool], resources: LabelingResources) -> Slot:
    """This thread's own slot for this store and these resources; its programs outlive the task."""
    mine: dict[Any, Slot] = _slots.__dict__.setdefault("mine", {})
    if (store, resources) not in mine:
        for other in mine.values():
            other.close()  # resources have changed: the programs of the old ones are of no more use
            _all_slots.remove(other)
        mine.clear()
        mine[store, resources] = Slot(_label_store(*store), resources)
        _all_slots.append(mine[store, resources])
    return mine[store, resources]


@cache
def _label_store(url: str, single_writer: bool) -> LabelStore:
    return LabelStore(open_store(url, single_writer=single_writer))


def close_slots() -> None:
    """End the programs of all threads; a later task starts new ones."""
    for slot in _all_slots:
        slot.close()
