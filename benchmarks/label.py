"""Labels a second through a pool that writes its store, against bare loops over `psi4.gradient` and against one `psi4`
command for each label; what guesses from nearby save, what the driver takes, how well slots are packed, how healthy one stays."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from figure import Figure, report, versus
from label_classes import mixed_figure
from label_guess import compared_figure, guess_figures
from label_health import health_figures
from label_memory import memory_figures
from label_orchestration import driver_figures, makespan_figure
from label_waiting import waiting_figures

from reactal.chem import Label, Structure, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.locate import find_psi4
from reactal.labeling.pool import LocalLabelPool, slot_count
from reactal.labeling.psi4_keywords import DEFAULTS
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store

THEORY = Theory.parse("hf/6-31g*")
PEER = Path(__file__).with_name("label_peer.py")
RATTLE = 0.03  # angstrom
GOALS = {"bare": 0.92, "process_each": 1.8}


def chloride_exchange() -> Structure:
    """[Cl-CH3-Cl]-, six atoms."""
    angles = np.arange(3) * 2 * np.pi / 3
    hydrogens = np.c_[1.07 * np.cos(angles), 1.07 * np.sin(angles), np.zeros(3)]
    return Structure.from_symbols(
        ["C", "H", "H", "H", "Cl", "Cl"], [[0, 0, 0], *hydrogens, [0, 0, 2.383], [0, 0, -2.383]], charge=-1
    )


def batches(count: int, size: int) -> list[list[Structure]]:
    template, noise = chloride_exchange(), np.random.default_rng(0)
    shape = template.positions.shape
    return [[template.moved(template.positions + noise.normal(0.0, RATTLE, shape)) for _ in range(size)] for _ in range(count)]


def bare_rate(batch: list[Structure], *, processes: int) -> float:
    """Labels a second of bare loops over `psi4.gradient` side by side, of one thread each, without import and warm-up."""
    with ThreadPoolExecutor(processes) as threads:
        seconds = list(threads.map(bare_seconds, (batch[number::processes] for number in range(processes))))
    return len(batch) / max(seconds)


def bare_seconds(structures: list[Structure]) -> float:
    """Of one such loop."""
    install = find_psi4()
    rows = [
        {"symbols": list(s.symbols), "positions": s.positions.tolist(), "charge": s.charge, "multiplicity": 1} for s in structures
    ]
    task = {"basis": THEORY.basis, "method": THEORY.method, "keywords": DEFAULTS, "threads": 1, "batches": [rows]}
    environ = install.environment(os.environ) | {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [str(install.interpreter), str(PEER)],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
            env=environ | {"PSI_SCRATCH": folder},
        )
    return float(json.loads(done.stdout.splitlines()[-1])[0])


def our_rate(batch: list[Structure], *, slots: int, reuse_guess: bool = False) -> float:
    """Labels a second of a pool whose programs are running."""
    with tempfile.TemporaryDirectory() as folder:
        resources = LabelingResources(slots=slots, reuse_guess=reuse_guess)
        pool = LocalLabelPool(LabelStore(open_store(folder)), THEORY, resources)
        for _ in pool.label(batches(1, 4 * slots)[0]):  # starts and warms every slot
            pass
        began = time.perf_counter()
        answers = [outcome.answer for outcome in pool.label([s.moved(s.positions * 1.001) for s in batch])]
        taken = time.perf_counter() - began
        pool.close()
    assert all(isinstance(answer, Label) for answer in answers)
    return len(batch) / taken


def against_bare(name: str, *, slots: int, runs: int, size: int) -> Figure:
    """As many bare loops as slots, each on a core; ours looks up, writes durably and reports besides."""
    ours, peer = [], []
    for batch in batches(runs, size):
        ours.append(our_rate(batch, slots=slots))
        peer.append(bare_rate(batch, processes=slots))
    return versus(name, "labels/s", ours, peer, at_least=GOALS["bare"])


def process_each_rate(batch: list[Structure], *, slots: int) -> float:
    """Labels a second of one `psi4` command for each label, as many side by side as there are slots."""
    began = time.perf_counter()
    with ThreadPoolExecutor(slots) as threads:
        list(threads.map(psi4_command, batch))
    return len(batch) / (time.perf_counter() - began)


def psi4_command(structure: Structure) -> None:
    """One gradient by the `psi4` program from an input file, in a folder of its own."""
    places = "\n".join(f"{symbol} {x} {y} {z}" for symbol, (x, y, z) in zip(structure.symbols, structure.positions, strict=True))
    molecule = f"{structure.charge} {structure.multiplicity}\n{places}\nsymmetry c1\nno_com\nno_reorient\n"
    settings = "\n".join(f"{name} {value}" for name, value in {"basis": THEORY.basis, **DEFAULTS}.items())
    text = f"memory 1000 mb\nmolecule {{\n{molecule}}}\nset {{\n{settings}\n}}\ngradient('{THEORY.method}')\n"
    command = shutil.which("psi4")
    assert command is not None, "the peer is the psi4 command on PATH"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "input.dat").write_text(text)
        environ = os.environ | {"PSI_SCRATCH": folder, "OMP_NUM_THREADS": "1"}
        subprocess.run([command, "input.dat", "output.dat", "-n", "1"], cwd=folder, env=environ, capture_output=True, check=True)


def against_process_each(*, slots: int, runs: int, size: int) -> list[Figure]:
    """Each label from its own guess, as campaigns have it, and from orbitals of a geometry nearby (`resources.reuse_guess`)."""
    fresh, reused, peer = [], [], []
    for batch in batches(runs, size):
        fresh.append(our_rate(batch, slots=slots))
        peer.append(process_each_rate(batch, slots=slots))
        reused.append(our_rate(batch, slots=slots, reuse_guess=True))
    goal = GOALS["process_each"]
    return [
        versus("label.rate_vs_process_each", "labels/s", fresh, peer, at_least=goal),
        versus("label.rate_vs_process_each_reused_guess", "labels/s", reused, peer, at_least=goal),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same on smaller work, within two minutes")
    quick = parser.parse_args().quick
    runs, size = (2, 6) if quick else (5, 40)
    many = batches(1, 30 if quick else 500)[0]
    slots = slot_count(LabelingResources())
    parts = (
        lambda: [against_bare("label.one_slot_rate_vs_bare_psi4", slots=1, runs=runs, size=size)],
        lambda: [against_bare("label.rate_vs_bare_psi4", slots=slots, runs=runs, size=size)],
        lambda: against_process_each(slots=slots, runs=1 if quick else 5, size=size),
        lambda: guess_figures(chloride_exchange(), points=3 if quick else 9),
        lambda: [compared_figure(chloride_exchange(), samples=1 if quick else 5)],
        lambda: memory_figures(THEORY, each=2 if quick else 10),
        lambda: waiting_figures(many[: 8 if quick else 80], THEORY),
        lambda: driver_figures(2000 if quick else 10_000),
        lambda: [makespan_figure(runs), mixed_figure(runs)],
        lambda: health_figures(many, THEORY),
    )
    figures = []
    for part in parts:
        for figure in part():
            figures.append(figure)
            print(f"{figure.name}: {figure.value}", file=sys.stderr, flush=True)  # a later part that fails loses none
    report(figures)


if __name__ == "__main__":
    main()
