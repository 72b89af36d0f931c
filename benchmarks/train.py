"""Training: ours against SchNetPack's own task and data module, and our ways to train against each other.

Structures a second of the whole training, the time to a validation error, a committee against its members, a warm start against
one from scratch, and the memory that a streamed data set takes. Ethanol's labels are those of revised MD17 where its files are
there, else of an analytic surface: for speeds, what they say does not matter.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from ase.build import molecule
from figure import Figure, rates, report, versus
from molecules import RMD17, rmd17
from stream import rattled

from reactal.chem import Frames, Structure
from reactal.chem.convert import from_ase
from reactal.errors import InputError
from reactal.potentials.architecture import Architecture
from reactal.potentials.committee import Committee
from reactal.potentials.device import gpus
from reactal.training.committee import assemble, jobs, train_committee
from reactal.training.forgetting import force_mae, forgetting_ratio
from reactal.training.member import TrainedMember, run_job, train_member
from reactal.training.settings import Continual, TrainingSettings

CHLOROMETHANE_AND_CHLORIDE = Structure.from_symbols(
    ["C", "H", "H", "H", "Cl", "Cl"],
    [[0, 0, 0], [1.03, 0, -0.33], [-0.51, 0.89, -0.33], [-0.51, -0.89, -0.33], [0, 0, 1.83], [0, 0, -3.2]],
    charge=-1,
)
ROWS = 100
GOAL = 2.0  # times SchNetPack's structures a second
CORES = 2
MEMBERS_ON_GPU = 8
PAINN = TrainingSettings(architecture=Architecture(features=64), learning_rate_first=1e-3, force_scale=1e9, validation_share=0.0)


def ethanol(part: str, rows: int, folder: Path) -> Frames:
    try:
        return rmd17("ethanol", part, folder=folder)[:rows]
    except InputError:
        return rattled(from_ase(molecule("CH3CH2OH")), rows=rows, rng=np.random.default_rng(len(part)))


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """A folder of its own: SchNetPack leaves lock files where it runs."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield Path(folder)


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def at_most(name: str, unit: str, ours: list[float], peer: list[float], *, goal: float) -> Figure:
    ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, peer, strict=True))
    medians = (round(statistics.median(values), 4) for values in (ours, peer))
    return Figure(name, round(ratio, 4), unit, *medians, goal=f"<= {goal}", met=ratio <= goal, runs=len(ours))


def small_batches(*, steps: int, runs: int) -> list[Figure]:
    """Both kinds of network on a reaction's six atoms, one thread."""
    from stock import Stock

    found = []
    frames = rattled(CHLOROMETHANE_AND_CHLORIDE, rows=ROWS, rng=np.random.default_rng(0))
    for kind in ("painn", "schnet"):
        settings = replace(TrainingSettings(steps_first=steps, validation_share=0.0), architecture=Architecture(kind=kind))
        with workplace() as folder:
            stock = Stock(frames, settings, folder)
            work: list[Callable[[], object]] = [
                lambda: train_member(frames, settings, seed=0),  # noqa: B023
                lambda: stock.train(steps=steps),  # noqa: B023
            ]
            ours, peer = rates(steps * settings.batch, work, runs=runs)
        found.append(versus(f"train_{kind}_vs_schnetpack_task", "structures/s", ours, peer, at_least=GOAL))
    return found


def rate_vs_stock(data: Path, *, steps: int, runs: int, machine_code: bool) -> list[Figure]:
    """PaiNN with 64 features on ethanol, both with two threads. Compiling is not in the rate, and shown."""
    from stock import Stock

    frames = ethanol("train", 1000, data)
    settings = replace(PAINN, steps_first=steps, threads=CORES, trace_from=1, compile_from=1 if machine_code else 0)
    first = train_member(frames, settings, seed=0).seconds
    second = train_member(frames, settings, seed=0).seconds
    with workplace() as folder, threads(CORES):
        stock = Stock(frames, settings, folder)
        work: list[Callable[[], object]] = [lambda: train_member(frames, settings, seed=0), lambda: stock.train(steps=steps)]
        ours, peer = rates(steps * settings.batch, work, runs=runs)
    compiling = round(max(first - second, 0.0), 1)
    shown = Figure("train.compile_seconds", compiling, "s", None, None, "<= 60", met=compiling <= 60, runs=1)
    return [versus("train.rate_vs_stock", "structures/s", ours, peer, at_least=3.0), shown]


def time_to_error_vs_stock(data: Path, *, rows: int, passes: int) -> Figure:
    """Stock trains for so many passes; ours takes the shortest of its schedules that ends at that error or below.

    A schedule that decays has to be chosen before; the ones that were too short are counted as well.
    """
    from stock import Stock

    frames = ethanol("train", rows, data)
    validation = rows // 10
    with workplace() as folder, threads(1):
        curve = Stock(frames, PAINN, folder, validation=validation).reach(0.0, passes=passes)
    seconds, goal = min(curve, key=lambda point: point[1])
    steps = passes * (rows - validation) // PAINN.batch
    spent = 0.0
    for share in (8, 4, 2, 1):
        settings = replace(PAINN, steps_first=steps // share, ema_decay=0.995, learning_rate_end=0.0, warmup=min(50, steps // 20))
        member = train_member(frames[: rows - validation], settings, seed=0)
        spent += member.seconds
        reached = force_mae(assemble([member]), frames[rows - validation :])
        print(
            f"{steps // share} steps, {member.seconds:.1f} s: {reached:.4f}; stock {goal:.4f} in {seconds:.1f} s", file=sys.stderr
        )
        if reached <= goal:
            break
    return at_most("train.time_to_error_vs_stock", "s", [spent], [seconds], goal=0.4)


def committee_vs_members(data: Path, *, steps: int) -> Figure:
    """Four members as jobs of two Dask workers, against the time that their trainings take alone over the two cores."""
    from distributed import Client, LocalCluster

    frames = ethanol("train", 200, data)
    settings = replace(PAINN, architecture=Architecture(features=32), steps_first=steps)
    work = jobs(frames, settings, seeds=range(4))
    alone = sum(member.seconds for member in train_committee(work)) / min(CORES, os.cpu_count() or 1)
    with LocalCluster(n_workers=CORES, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:

        def submit(run: Callable[..., TrainedMember], job: object) -> object:
            return client.submit(run, job, pure=False)

        train_committee(jobs(frames, replace(settings, steps_first=2), seeds=range(CORES)), submit=submit)  # imports
        began = time.perf_counter()
        train_committee(work, submit=submit)
        together = time.perf_counter() - began
    return at_most("train.committee_vs_members", "s", [together], [alone], goal=1.1)


def warm_start(data: Path, *, old: int, new: int, steps: int, test: int) -> list[Figure]:
    """100 labels more onto 1,000: the shortest warm training that is as good on the test set as one from scratch on all."""
    rows, more = ethanol("train", old, data), ethanol("test", new + test, data)
    tests = more[new:]
    frames = Frames.concat([rows, more[:new]]).with_extra(iteration=np.repeat([0, 1], [old, new]))
    settings = replace(PAINN, architecture=Architecture(features=32), steps_first=steps, continual=Continual("replay"))
    before, scratch = train_member(rows, settings, seed=0), train_member(frames, settings, seed=1)
    wanted = force_mae(assemble([scratch]), tests)
    for share in (32, 16, 8, 4, 2, 1):
        warm = train_member(frames, replace(settings, steps_warm=steps // share), seed=1, warm_start=before.weights)
        after = assemble([warm])
        if force_mae(after, tests) <= wanted:
            break
    ratio = at_most("train.warm_vs_scratch_time", "s", [warm.seconds], [scratch.seconds], goal=0.25)
    return [ratio, _forgetting(assemble([before]), after, tests)]


def _forgetting(before: Committee, after: Committee, tests: Frames) -> Figure:
    """On rows like the old ones, which the new ones are, too; benchmarks/continual.py has new ones of another kind."""
    value = round(forgetting_ratio(before, after, tests), 4)
    return Figure("train.forgetting_ratio", value, "of the error before", None, None, "<= 1.05", met=value <= 1.05, runs=1)


def stream_rss(*, rows: int) -> Figure:
    script = Path(__file__).with_name("stream.py")
    done = subprocess.run([sys.executable, str(script), str(rows)], check=True, capture_output=True, text=True)
    said = json.loads(done.stdout.splitlines()[-1])
    print(f"streamed {rows} frames in {said['seconds']:.0f} s", file=sys.stderr)
    value = round(said["peak_gib"], 3)
    return Figure("train.stream_rss_gib", value, "GiB", None, None, "<= 4", met=value <= 4, runs=1)


def on_gpu(data: Path, *, steps: int, runs: int) -> Iterator[Figure]:
    """Eight members as a stack against one after another, on one GPU; and from which batch on twice as many structures a step
    gain less than a fifth in structures a second."""
    if not gpus():
        print("train.gpu_committee8_vs_sequential: left out, torch sees no GPU here", file=sys.stderr)
        return
    frames = ethanol("train", 1000, data)
    settings = replace(PAINN, steps_first=steps, trace_from=1, compile_from=0, device="cuda:0")
    work = jobs(frames, settings, seeds=range(MEMBERS_ON_GPU))
    ways: list[Callable[[], object]] = [lambda: train_committee(work), lambda: [run_job(job) for job in work]]
    for way in ways:  # traces and recordings, which later iterations find made
        way()
    ours, peer = rates(steps * settings.batch * MEMBERS_ON_GPU, ways, runs=runs)
    yield versus("train.gpu_committee8_vs_sequential", "structures/s", ours, peer, at_least=5.0)
    before = 0.0
    for batch in (10, 20, 40, 80, 160, 320, 640):
        one = replace(settings, batch=batch)
        train_member(frames, one, seed=0)
        rate = steps * batch / train_member(frames, one, seed=0).seconds
        print(f"batches of {batch}: {rate:.0f} structures/s", file=sys.stderr)
        if rate < 1.2 * before:
            break
        before, saturated = rate, batch
    yield Figure("train.gpu_saturating_batch", saturated, "structures", round(before, 1), None, "none", met=True, runs=1)


def figures(data: Path, *, quick: bool) -> Iterator[Figure]:
    yield from small_batches(steps=250, runs=1) if quick else small_batches(steps=500, runs=7)
    yield from rate_vs_stock(data, steps=60 if quick else 1000, runs=1 if quick else 5, machine_code=not quick)
    yield time_to_error_vs_stock(data, rows=100 if quick else 1000, passes=4 if quick else 60)
    yield committee_vs_members(data, steps=100 if quick else 2000)
    yield from (
        warm_start(data, old=100, new=10, steps=200, test=50)
        if quick
        else warm_start(data, old=1000, new=100, steps=8000, test=900)
    )
    yield from on_gpu(data, steps=100 if quick else 1000, runs=1 if quick else 5)
    yield stream_rss(rows=20_000 if quick else 1_000_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="within two minutes")
    parser.add_argument("--data", type=Path, default=RMD17, help="the folder with revised MD17")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    report(list(figures(arguments.data.absolute(), quick=arguments.quick)))


if __name__ == "__main__":
    main()
