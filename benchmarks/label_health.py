"""A slot that has done many labels: how far its program has grown, and what lies in its scratch folder. Part of `label.py`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from figure import Figure

from reactal.chem import Label, Structure, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.pool import LocalLabelPool
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store

__all__ = ["health_figures"]

GROWTH_MIB = 500.0
MIB = 2**20


def health_figures(structures: Sequence[Structure], theory: Theory) -> list[Figure]:
    """One slot, all structures; memory is that of the program and everything it has started."""
    sizes: list[float] = []
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as scratch:
        pool = LocalLabelPool(LabelStore(open_store(folder)), theory, LabelingResources(slots=1, scratch=scratch))
        for outcome in pool.label(structures):
            assert isinstance(outcome.answer, Label), outcome.answer
            sizes.append(sum(map(resident_mib, children(os.getpid()))))
        pool.close()
        left = sum(file.is_file() for file in Path(scratch).rglob("*"))
    growth, most, count = max(sizes) - sizes[0], round(max(sizes)), len(structures)
    bounded, clean = growth <= GROWTH_MIB, left == 0
    return [
        Figure("label.worker_rss_growth_mib", round(growth, 1), "MiB", most, None, f"<= {GROWTH_MIB}", met=bounded, runs=count),
        Figure("label.scratch_files_left", left, "files", left, None, "<= 0", met=clean, runs=count),
    ]


def children(pid: int) -> list[int]:
    """Processes below this one, of any depth."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children(child)]
    return found


def resident_mib(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB
    except OSError:  # it has just ended
        return 0.0
