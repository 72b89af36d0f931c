"""Slots that differ in memory, simulated: some labels have room in the large ones alone, and all finish together.

Part of `label.py`."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping

import numpy as np
from figure import Figure

from reactal.chem import Attempt, Label, Structure
from reactal.labeling.cost import CostModel
from reactal.labeling.packing import LongestFirst

__all__ = ["mixed_figure"]

SMALL, LARGE = 56, 8  # slots
ROOMS_MIB = (2000.0, 8000.0)
EACH_MIB = 0.5  # of memory for the cube of an atom, beside PROGRAM_MIB
PROGRAM_MIB = 200.0
LABELS = 1000
NEEDY = 1 / 12  # of the labels need a large slot
NOISE = 0.2  # of the logarithm of seconds
GOAL = 1.1


def mixed_figure(runs: int) -> Figure:
    """Simulated time over a lower bound of any order: all work over all slots, what needs a large slot over those, or the longest
    label, whichever is largest. The peer takes the first that there is room for."""
    ours, first_come = [], []
    for seed in range(runs):
        structures, seconds, model = _work(np.random.default_rng(seed))
        queue = LongestFirst(structures, model, ROOMS_MIB)
        needy = {key for key, structure in structures.items() if (model.room_mib(structure) or 0.0) > ROOMS_MIB[0]}
        on_large = sum(seconds[key] for key in needy)
        bound = max(sum(seconds.values()) / (SMALL + LARGE), on_large / LARGE, max(seconds.values()))
        ours.append(_makespan(lambda level, queue=queue: queue.pop(level) if queue.has(level) else None, seconds) / bound)
        first_come.append(_makespan(_first_come(list(structures), needy), seconds) / bound)
    value, peer = round(float(np.median(ours)), 3), round(float(np.median(first_come)), 3)
    return Figure("label.mixed_makespan_vs_bound", value, "bound", value, peer, f"<= {GOAL}", met=value <= GOAL, runs=runs)


def _work(random: np.random.Generator) -> tuple[dict[str, Structure], dict[str, float], CostModel]:
    """Rows of carbon atoms, seconds by their number cubed, and a model that has seen one of each."""
    needy = random.uniform(size=LABELS) < NEEDY
    sizes = np.where(needy, random.integers(16, 21, LABELS), random.integers(4, 13, LABELS))
    made = [_chain(int(size), 1e-4 * number) for number, size in enumerate(sizes)]
    structures = {structure.key: structure for structure in made}
    model = CostModel()
    for size in range(4, 21):
        one = _chain(size, 0.5)
        attempt = Attempt(seconds=float(size**3), memory_mib=PROGRAM_MIB + EACH_MIB * size**3)
        model.learn(one, Label(one.key, "simulated", 0.0, np.zeros((size, 3)), attempts=(attempt,)))
    seconds = {key: len(one) ** 3 * float(np.exp(random.normal(0, NOISE))) for key, one in structures.items()}
    return structures, seconds, model


def _chain(size: int, shift: float) -> Structure:
    return Structure.from_symbols("C" * size, np.c_[1.3 * np.arange(size) + shift * (np.arange(size) > 0), np.zeros((size, 2))])


def _first_come(waiting: list[str], needy: set[str]) -> Callable[[int], str | None]:
    def take(level: int) -> str | None:
        key = next((key for key in waiting if level or key not in needy), None)
        if key is not None:
            waiting.remove(key)
        return key

    return take


def _makespan(take: Callable[[int], str | None], seconds: Mapping[str, float]) -> float:
    """When the last slot is done; `take` gives the next for a small (0) or a large (1) slot."""
    levels = [0] * SMALL + [1] * LARGE
    free = [(0.0, number) for number in range(len(levels))]
    heapq.heapify(free)
    last = 0.0
    while free:
        now, number = heapq.heappop(free)
        last = max(last, now)
        key = take(levels[number])
        if key is not None:
            heapq.heappush(free, (now + seconds[key], number))
    return last
