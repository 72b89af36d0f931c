"""What a Dask worker does with structures: it keeps a slot for each of its threads, whose programs outlive the task."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, NamedTuple

from reactal.chem import Label, Structure, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.slot import Foresight, Slot
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store

__all__ = ["Order", "Result", "close_slots", "compare_on_worker", "forget_neighbours", "label_on_worker"]


class Order(NamedTuple):
    """A structure as JSON, what is known of its label, and whether one that another slot computes is waited for."""

    structure: dict[str, Any]
    foresight: Foresight
    patient: bool


class Result(NamedTuple):
    """A label or failure as JSON, whether the store had it before, and whether it is to be compared with a fresh guess.

    Of a label None where another slot is computing it, of a comparison where there is no lower state."""

    answer: dict[str, Any] | None
    reused: bool = False
    owes: bool = False


_slots = threading.local()
_all_slots: list[Slot] = []


def label_on_worker(
    orders: list[Order], theory: dict[str, Any], store: tuple[str, bool], resources: LabelingResources
) -> list[Result]:
    """The task: labels, in the order of the orders."""
    slot, level = _slot(store, resources), Theory.from_json(theory)
    return [_labelled(slot, order, level) for order in orders]


def compare_on_worker(
    structure: dict[str, Any],
    label: dict[str, Any],
    theory: dict[str, Any],
    store: tuple[str, bool],
    resources: LabelingResources,
) -> list[Result]:
    """Another task: one label compared with a fresh guess."""
    slot = _slot(store, resources)
    lower = slot.compare(Structure.from_json(structure), Theory.from_json(theory), Label.from_json(label))
    return [Result(None if lower is None else lower.as_json())]


def forget_neighbours() -> None:
    """Have no slot of this worker begin its next label from orbitals of before."""
    for slot in _all_slots:
        slot.forget()


def _labelled(slot: Slot, order: Order, theory: Theory) -> Result:
    ask = slot.answer if order.patient else slot.answer_now
    answered = ask(Structure.from_json(order.structure), theory, foresight=order.foresight)
    return Result(None) if answered is None else Result(answered.answer.as_json(), answered.reused, answered.owes)


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
