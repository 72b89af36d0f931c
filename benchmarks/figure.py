"""The one form in which every benchmark prints what it measured."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

__all__ = ["Figure", "rates", "report", "versus"]


@dataclass(frozen=True)
class Figure:
    """`value` is what the name says, a ratio ours/peer where it says `_vs_`; ours, peer and value are medians of `runs` runs."""

    name: str
    value: float
    unit: str
    ours: float | None
    peer: float | None
    goal: str
    met: bool
    runs: int


def rates(amount: float, work: Sequence[Callable[[], object]], *, runs: int) -> list[list[float]]:
    """Amount a second of each piece of work, taking turns, so that a slow minute of the machine hits all of them."""
    measured: list[list[float]] = [[] for _ in work]
    for _ in range(runs):
        for piece, into in zip(work, measured, strict=True):
            start = time.perf_counter()
            piece()
            into.append(amount / (time.perf_counter() - start))
    return measured


def versus(name: str, unit: str, ours: Sequence[float], peer: Sequence[float], *, at_least: float) -> Figure:
    """The median of the ratios of runs that took place side by side."""
    ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, peer, strict=True))
    medians = (round(statistics.median(rate), 3) for rate in (ours, peer))
    return Figure(name, round(ratio, 3), unit, *medians, goal=f">= {at_least}", met=ratio >= at_least, runs=len(ours))


def report(figures: Sequence[Figure]) -> None:
    """A line for each on standard error, then all as one JSON object, the last line of standard output."""
    for figure in figures:
        peer = f"ours {figure.ours:g}, peer {figure.peer:g} {figure.unit}; " if figure.ours and figure.peer else ""
        print(f"{figure.name}: {figure.value:g} ({peer}goal {figure.goal})", file=sys.stderr)
    machine = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    print(json.dumps({"figures": [asdict(figure) for figure in figures], "machine": machine}))
