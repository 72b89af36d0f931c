"""A driver that labels a batch and is killed while it does: `python -m tests.faults.label_driver KIND STORE COUNT MEMORY`."""

from __future__ import annotations

import sys

from reactal.chem import Label, Theory
from reactal.labeling.base import LabelingResources, LabelPool
from reactal.labeling.cluster import LOCAL, connect
from reactal.labeling.dask_pool import DaskLabelPool
from reactal.labeling.pool import LocalLabelPool
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.labeling.molecules import waters

SLOTS = 2
THEORY = Theory.parse("hf/6-31g*")


def main(kind: str, store: str, count: int, memory_mib: int) -> None:
    resources = LabelingResources(slots=SLOTS, memory_mib=memory_mib)
    if kind == "threads":
        report(LocalLabelPool(LabelStore(open_store(store)), THEORY, resources), count)
        return
    with connect(LOCAL, SLOTS) as client:
        report(DaskLabelPool(client, store, THEORY, resources), count)


def report(pool: LabelPool, count: int) -> None:
    """Label, and print how many of how many there are, and how many of them were reused."""
    outcomes = list(pool.label(waters(count)))
    pool.close()
    print(sum(isinstance(outcome.answer, Label) for outcome in outcomes), sum(outcome.reused for outcome in outcomes))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
