"""What a label costs besides its computation: the driver's time and memory, and slots that wait at the end.

Part of `label.py`. `driver` runs as a program of its own, so that nothing else is in its time and memory.
"""

from __future__ import annotations

import heapq
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from figure import Figure

from reactal.chem import Attempt, Label, Structure, Theory
from reactal.labeling.cost import CostModel, basis_functions
from reactal.labeling.packing import LongestFirst

__all__ = ["driver_figures", "makespan_figure"]

SLOTS = 2
SIMULATED_SLOTS = 64
JOBS = 1000
SPREAD = 100.0  # of the longest label over the shortest
EXPONENT, NOISE = 3.0, 0.2  # seconds grow with functions to this power, times exp(NOISE * a normal number)
DRIVER_MS, MAKESPAN, GROWTH_MIB = 3.0, 1.1, 5.0
NULL = Theory.parse("leps/none", program="ase")  # microseconds


def driver_figures(count: int) -> list[Figure]:
    """`count` labels of microseconds in a Prefect flow, through the Dask pool and a store on disk."""
    done = subprocess.run([sys.executable, __file__, str(count)], capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout.splitlines()[-1])
    ms, growth = round(measured["cpu_ms"], 3), round(measured["growth_mib"], 2)
    return [
        Figure("label.driver_ms", ms, "ms", ms, None, f"<= {DRIVER_MS}", met=ms <= DRIVER_MS, runs=1),
        Figure("label.driver_wall_ms", round(measured["wall_ms"], 3), "ms", None, None, "none", met=True, runs=1),
        Figure("label.driver_growth_mib", growth, "MiB", growth, None, f"<= {GROWTH_MIB}", met=growth <= GROWTH_MIB, runs=1),
    ]


def makespan_figure(runs: int) -> Figure:
    """Simulated time under the pools' own queue and cost model, which learns as labels end, over the lower bound of any order;
    the peer is first in, first out."""
    ours, fifo = [], []
    for seed in range(runs):
        structures, seconds = _simulated_work(np.random.default_rng(seed))
        bound = max(sum(seconds.values()) / SIMULATED_SLOTS, max(seconds.values()))
        model = CostModel()

        def learn(key: str, model: CostModel = model, work: Mapping[str, Structure] = structures) -> None:
            attempt = Attempt(seconds=seconds[key])  # noqa: B023 -- called in this round only
            model.learn(work[key], Label(key, "simulated", 0.0, np.zeros((len(work[key]), 3)), attempts=(attempt,)))

        ours.append(_makespan(LongestFirst(structures, model).pop, seconds, learn) / bound)
        fifo.append(_makespan(iter(list(structures)).__next__, seconds, _forget) / bound)
    value, peer = float(np.median(ours)), float(np.median(fifo))
    name = "label.makespan_vs_bound"
    return Figure(
        name, round(value, 3), "bound", round(value, 3), round(peer, 3), f"<= {MAKESPAN}", met=value <= MAKESPAN, runs=runs
    )


def _simulated_work(random: np.random.Generator) -> tuple[dict[str, Structure], dict[str, float]]:
    smallest = 4
    sizes = np.rint(smallest * SPREAD ** (random.uniform(0, 1, JOBS) / EXPONENT)).astype(int)
    rows = [np.c_[1.3 * np.arange(size) + random.normal(0, 0.01, size), np.zeros((size, 2))] for size in sizes]
    made = [Structure.from_symbols("C" * len(row), row) for row in rows]
    structures = {structure.key: structure for structure in made}
    unit = basis_functions(made[int(np.argmin(sizes))])
    noise = np.exp(random.normal(0, NOISE, len(structures)))
    return structures, {
        key: (basis_functions(structure) / unit) ** EXPONENT * float(factor)
        for (key, structure), factor in zip(structures.items(), noise, strict=True)
    }


def _makespan(pop: Callable[[], str], seconds: Mapping[str, float], ended: Callable[[str], None]) -> float:
    running: list[tuple[float, str]] = []
    now, left = 0.0, len(seconds)
    while left or running:
        while left and len(running) < SIMULATED_SLOTS:
            key = pop()
            heapq.heappush(running, (now + seconds[key], key))
            left -= 1
        now, key = heapq.heappop(running)
        ended(key)
    return now


def _forget(_: str) -> None:
    """First in, first out learns nothing."""


def driver(count: int) -> None:
    """Print CPU and wall time of this process for each label of one flow, and the growth of its memory over the second half."""
    from prefect import flow, task

    from flows.server import LocalServer, client_environment, using

    with tempfile.TemporaryDirectory() as folder, LocalServer(Path(folder) / "prefect") as server:
        server.wait()
        with using(server.api, client_environment(server.home)):
            label = task(name="label", persist_result=False)(labels_and_growth)

            @flow(name="labels", persist_result=False)
            def labels(store: str) -> dict[str, float]:
                return label(count, store)

            print(json.dumps(labels(str(Path(folder) / "store"))))


def labels_and_growth(count: int, store: str) -> dict[str, float]:
    """`count` labels of microseconds through the Dask pool, as a campaign's task has them; its workers are running and warm."""
    from distributed import Client

    from reactal.labeling.base import LabelingResources
    from reactal.labeling.cluster import local_cluster
    from reactal.labeling.dask_pool import DaskLabelPool

    random, trio = np.random.default_rng(0), np.array([[0.0, 0.0, 0.0], [0.0, 0.1, 0.9], [0.0, 0.0, 1.8]])
    warm, *structures = [
        Structure.from_symbols("HHH", trio + random.normal(0, 0.02, (3, 3)), multiplicity=2) for _ in range(count + 1)
    ]
    with local_cluster(SLOTS) as cluster, Client(cluster, set_as_default=False) as client:
        pool = DaskLabelPool(client, store, NULL, LabelingResources(slots=SLOTS))
        list(pool.label([warm]))
        half, began, cpu = 0.0, time.perf_counter(), time.process_time()
        for number, outcome in enumerate(pool.label(structures)):
            assert isinstance(outcome.answer, Label) and not outcome.reused
            if number == count // 2:
                half = _resident_mib()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - began
        growth = _resident_mib() - half
        pool.close()
    return {"cpu_ms": 1e3 * cpu / count, "wall_ms": 1e3 * wall / count, "growth_mib": growth}


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    driver(int(sys.argv[1]))
