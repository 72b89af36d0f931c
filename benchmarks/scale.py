"""How many slots one driver keeps busy: labels that take a lognormal time, on simulated slots of a real Dask cluster.

Forty labels a slot (10,000 on 256): each size takes about as long. Molecules differ in size, which the cost model learns from, so
that the longest go first; `--unforeseen` has molecules of one size, whose costs nothing predicts. Efficiency is the work over
slots and time; beside it stands what is possible: the same labels on the same slots, largest first, with no time between them.
Driver, scheduler and all slots' writing share one machine's cores, which the lines on standard error split. `--no-time COUNT` has
so many labels that take none at all: how many a second one driver gets through, and what it and the scheduler hold.
"""

from __future__ import annotations

import argparse
import heapq
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from figure import Figure, report
from simulated_slots import NO_TIME, cost, structures

from reactal.chem import Label, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.cluster import LABEL_SLOT
from reactal.labeling.dask_pool import DaskLabelPool

HERE = Path(__file__).parent
LABELS_EACH = 40
SIZES, QUICK_SIZES = (1, 4, 16, 64, 256), (4, 64)
QUICK_EACH = 8
MOST_THREADS = 64  # of one worker process
GOAL = 0.9
ANY = Theory.parse("leps/none", program="ase")
HOST = "127.0.0.1"
START_S = 120.0


@contextmanager
def cluster(slots: int, folder: Path, *, no_time: bool = False) -> Iterator[tuple[str, list[int]]]:
    """A scheduler and workers with so many slots between them; its address, and the processes' numbers, the scheduler's first."""
    said = folder / "scheduler.json"
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    environ |= {NO_TIME: "1"} if no_time else {}
    scheduler = ["distributed.cli.dask_scheduler", "--host", HOST, "--port", "0", "--no-dashboard", "--scheduler-file", str(said)]
    threads = [MOST_THREADS] * (slots // MOST_THREADS) + ([slots % MOST_THREADS] if slots % MOST_THREADS else [])
    with ExitStack() as stack, (folder / "cluster.log").open("wb") as log:

        def start(command: list[str]) -> int:
            process = subprocess.Popen([sys.executable, "-m", *command], env=environ, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return process.pid

        numbers = [start(scheduler)]
        deadline = time.monotonic() + START_S
        while not said.exists():  # Dask's own sign that its scheduler is up
            assert time.monotonic() < deadline, f"no Dask scheduler within {START_S:g} s: {(folder / 'cluster.log').read_text()}"
            time.sleep(0.1)
        for count in threads:
            resources = ["--nthreads", str(count), "--resources", f"{LABEL_SLOT}={count}", "--memory-limit", "0"]
            place = ["--no-nanny", "--no-dashboard", "--local-directory", str(folder), "--preload", "simulated_slots"]
            numbers.append(start(["distributed.cli.dask_worker", "--scheduler-file", str(said), *resources, *place]))
        yield str(said), numbers


def measured(slots: int, count: int, *, alike: bool, no_time: bool = False) -> dict[str, float]:
    """Efficiency, and seconds of processor time a label, of driver, scheduler and all workers."""
    from distributed import Client

    given = structures(count, np.random.default_rng(slots), alike=alike)
    costs = [cost(structure) for structure in sorted(given, key=len, reverse=True)]
    with (
        tempfile.TemporaryDirectory() as name,
        cluster(slots, Path(name), no_time=no_time) as (file, numbers),
        Client(scheduler_file=file, timeout=120, set_as_default=False) as client,
    ):
        client.wait_for_workers(len(numbers) - 1, timeout=300)
        pool = DaskLabelPool(client, str(Path(name) / "store"), ANY, LabelingResources(slots=slots))
        began, cpu, others = time.perf_counter(), time.process_time(), list(map(processor_seconds, numbers))
        labels = sum(isinstance(outcome.answer, Label) for outcome in pool.label(given))
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        others = [processor_seconds(number) - before for number, before in zip(numbers, others, strict=True)]
        memory = [most_memory_gib(os.getpid()), most_memory_gib(numbers[0])]
        pool.close()
    assert labels == count
    return {
        "labels_a_second": count / wall,
        "driver_gib": memory[0],
        "scheduler_gib": memory[1],
        "efficiency": sum(costs) / slots / wall,
        "possible": sum(costs) / slots / makespan(costs, slots),
        "driver_ms": 1e3 * cpu / count,
        "scheduler_ms": 1e3 * others[0] / count,
        "workers_ms": 1e3 * sum(others[1:]) / count,
        "share": (cpu + sum(others)) / wall / (os.cpu_count() or 1),
        "driver_of_a_core": cpu / wall,
    }


def makespan(costs: list[float], slots: int) -> float:
    """Seconds on so many slots, each taking the next label at once."""
    free = [0.0] * slots
    for seconds in costs:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def processor_seconds(number: int) -> float:
    """That a process has used."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def most_memory_gib(number: int) -> float:
    """The most that a process has held at once."""
    (line,) = (line for line in Path(f"/proc/{number}/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 2**20


def without_time(count: int) -> None:
    """The figures of `--no-time`."""
    found = measured(QUICK_SIZES[-1], count, alike=False, no_time=True)
    units = {"labels_a_second": "1/s", "driver_gib": "GiB", "scheduler_gib": "GiB"}
    units |= dict.fromkeys(("driver_ms", "scheduler_ms", "workers_ms"), "ms")
    report(
        [
            Figure(f"scale.no_time_{name}", round(found[name], 3), unit, None, None, "none", met=True, runs=1)
            for name, unit in units.items()
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-time", type=int, metavar="COUNT", help="so many labels that take no time: the limit of one driver")
    parser.add_argument("--quick", action="store_true", help="the same on smaller work, within two minutes")
    parser.add_argument("--unforeseen", action="store_true", help="molecules of one size, whose costs nothing predicts")
    chosen = parser.parse_args()
    if chosen.no_time:
        without_time(chosen.no_time)
        return
    quick = chosen.quick
    figures, kind = [], "_unforeseen" if chosen.unforeseen else ""
    for slots in QUICK_SIZES if quick else SIZES:
        count = slots * (QUICK_EACH if quick else LABELS_EACH)
        found = measured(slots, count, alike=chosen.unforeseen)
        cpu = ", ".join(f"{name} {found[name]:.2f}" for name in ("driver_ms", "scheduler_ms", "workers_ms", "share"))
        print(
            f"{slots} slots, {count} labels: efficiency {found['efficiency']:.3f}, possible {found['possible']:.3f}; {cpu}",
            file=sys.stderr,
            flush=True,
        )
        met = found["efficiency"] >= GOAL
        figures.append(
            Figure(f"scale.efficiency_{slots}{kind}", round(found["efficiency"], 3), "", None, None, f">= {GOAL}", met, runs=1)
        )
    memory = most_memory_gib(os.getpid())
    figures += [
        Figure("scale.driver_cpu", round(found["driver_of_a_core"], 3), "cores", None, None, "none", met=True, runs=1),
        Figure("scale.driver_cpu_ms", round(found["driver_ms"], 3), "ms", None, None, "none", met=True, runs=1),
        Figure("scale.scheduler_cpu_ms", round(found["scheduler_ms"], 3), "ms", None, None, "none", met=True, runs=1),
        Figure("scale.driver_rss_gib", round(memory, 3), "GiB", None, None, "<= 2", met=memory <= 2, runs=1),
    ]
    report(figures)


if __name__ == "__main__":
    main()
