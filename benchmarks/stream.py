"""One pass over a data set that is streamed from files: `python benchmarks/stream.py ROWS` prints its peak memory in GiB.

Small frames of three molecules in turn, whose bonds are springs: labels cost nothing. A process of its own, so that its memory is
that of writing the files and training on them.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from ase.build import molecule

from reactal.chem import Frames, Structure
from reactal.chem.convert import from_ase
from reactal.potentials.architecture import Architecture
from reactal.training.committee import jobs
from reactal.training.member import run_job
from reactal.training.settings import TrainingSettings
from reactal.training.shards import SHARD_ROWS, StoredRows

__all__ = ["rattled"]

NAMES = ("H2O", "NH3", "CH4")
BATCH = 500


def rattled(template: Structure, *, rows: int, rng: np.random.Generator, size: float = 0.08) -> Frames:
    """Every pair of atoms is a spring of 1 eV/angstrom^2 at its length in the template."""
    places = template.positions + rng.normal(0, size, (rows, len(template), 3))
    rest = np.linalg.norm(template.positions[:, None] - template.positions, axis=-1)
    vectors = places[:, :, None] - places[:, None]
    lengths = np.linalg.norm(vectors, axis=-1) + np.eye(len(template))
    stretch = (lengths - rest) * (1 - np.eye(len(template)))
    forces = -(2 * stretch / lengths)[..., None] * vectors
    frames = Frames.repeat(template, places)
    return replace(frames, energy=0.5 * (stretch**2).sum((1, 2)), forces=forces.sum(axis=2).reshape(-1, 3))


def parts(rows: int) -> Iterator[Frames]:
    rng = np.random.default_rng(0)
    templates = [from_ase(molecule(name)) for name in NAMES]
    for start in range(0, rows, SHARD_ROWS):
        count = min(SHARD_ROWS, rows - start)
        mixed = Frames.concat([rattled(t, rows=-(-count // len(templates)), rng=rng) for t in templates])
        yield mixed[rng.permutation(len(mixed))[:count]]


def main() -> None:
    rows = int(sys.argv[1])
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        stored = StoredRows.write(parts(rows), folder, "rows")
        architecture = Architecture(features=8, interactions=1)
        settings = TrainingSettings(architecture, batch=BATCH, steps_first=rows // BATCH, validate_every=10**9)
        began = time.perf_counter()
        member = run_job(jobs(stored, settings, seeds=[0])[0])
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"peak_gib": peak, "seconds": seconds, "force_mae": member.best.force_mae}))


if __name__ == "__main__":
    main()
