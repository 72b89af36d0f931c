"""The report of a campaign of 5,000 labels: how long it takes to make, how large it is, how long a browser takes to open it.

The campaign begins as campaigns do, on GFN2-xTB; its many rounds are then written into its store by the same code, with labels
made up, because only their number matters here.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from figure import Figure, report

from reactal.campaign.events import ArmPoint, BatchChosen, Event, Explored, Labelled, Trained
from reactal.chem import Frames, Label
from reactal.runner import Campaign
from reactal.store.journal import Journal

ROUNDS, SECONDS, MEGABYTES, OPENS = 25, 20.0, 10.0, 2.0
REACTION = Path(__file__).parents[1] / "tests" / "data" / "rdb7"
CAMPAIGN = """\
name: many
reactant: {folder}/6175_reactant.xyz
product: {folder}/6175_product.xyz
theory: {{program: xtb, method: gfn2, basis: none}}
training: {{steps_first: 20, steps_warm: 10, baseline: none}}
exploration: {{replicas: 4, dynamics_fs: 20.0, band_steps: 20}}
budget: {{labels: 100000}}
cluster: {{kind: none}}
tracking: {{kind: none}}
"""


def begun(folder: Path) -> Path:
    """A campaign after its first round."""
    file = folder / "campaign.yaml"
    file.write_text(CAMPAIGN.format(folder=REACTION))
    with Campaign(file) as campaign:
        while not campaign.finished and len(campaign.state.labelled) < 2:
            campaign.carry_out(campaign.next_action())
    return file


def grown(file: Path, labels: int) -> None:
    """The same campaign after many more rounds."""
    rng = np.random.default_rng(0)
    with Campaign(file) as campaign:
        bench, state = campaign.bench, campaign.state
        rows, events = bench.dataset(state.dataset), list(campaign.events)
        last = {
            kind: next(e for e in reversed(events) if isinstance(e, kind)) for kind in (Trained, Explored, BatchChosen, Labelled)
        }
        version, size = state.dataset, -(-(labels - len(rows)) // ROUNDS)
        for number in range(state.iteration, state.iteration + ROUNDS):
            batch = shaken(rows, size, number, rng)
            labelled = answered(batch, rng)
            for i in range(size):
                bench.labels.put(label_of(labelled, i, bench.theory.fingerprint), batch.structure(i))
            rows = Frames.concat(
                [rows, replace(labelled, extra={name: batch.extra[name] for name in ("role", "arm", "iteration")})]
            )
            version = bench.datasets.commit(campaign.config.name, rows, parent=version, theory=bench.theory.fingerprint).version
            arm = tuple(
                ArmPoint(key=batch.structure(i).key, disagreement=0.1, force_error_max=0.3, force_mae=0.1, energy_error=0.01)
                for i in np.flatnonzero(batch.extra["arm"] == "random").tolist()
            )
            counts = {"asked": size, "computed": size, "rows": len(rows), "dataset": version, "arm": arm, "iteration": number + 1}
            events += [
                last[Trained].model_copy(update={"iteration": number, "dataset": version - 1, "rows": len(rows) - size}),
                last[Explored].model_copy(update={"iteration": number}),
                last[BatchChosen].model_copy(
                    update={"iteration": number + 1, "batch": bench.pools.put(batch), "batch_size": size}
                ),
                last[Labelled].model_copy(update=counts),
            ]
        written(campaign, events)


def shaken(rows: Frames, size: int, number: int, rng: np.random.Generator) -> Frames:
    """Structures near those that are there, with made-up predictions; one in ten of the random arm."""
    atoms = int(rows.sizes[0])
    places = rows.positions.reshape(-1, atoms, 3)[rng.integers(len(rows), size=size)]
    batch = Frames.repeat(rows.structure(0), places + 0.03 * rng.normal(size=places.shape))
    columns = {
        "role": np.full(size, "dynamics"),
        "arm": np.where(np.arange(size) % 10, "active", "random"),
        "iteration": np.full(size, number + 1, dtype=np.int64),
        "disagreement": rng.gamma(2.0, 0.1, size),
    }
    energy = rows.energy.mean() + rng.gamma(2.0, 0.5, size)
    return replace(batch, energy=energy, forces=rng.laplace(0.0, 1.0, batch.positions.shape), extra=columns)


def answered(batch: Frames, rng: np.random.Generator) -> Frames:
    """The reference disagrees a little."""
    forces = batch.forces + 0.1 * rng.normal(size=batch.forces.shape)
    return replace(batch, energy=batch.energy + 0.02 * rng.normal(size=len(batch)), forces=forces)


def label_of(labelled: Frames, i: int, theory: str) -> Label:
    return Label(labelled.structure(i).key, theory, float(labelled.energy[i]), labelled.forces[labelled.atoms(i)])


def written(campaign: Campaign, events: list[Event]) -> None:
    """What is new in the journal."""
    journal = Journal(campaign.bench.objects, f"campaigns/{campaign.config.name}/journal")
    for seq in range(len(campaign.events), len(events)):
        journal.append(seq, events[seq].as_json())


def opening(page: Path, folder: Path, *, runs: int) -> float | None:
    """Seconds that a headless Chromium needs for the page more than for an empty one; None without Chromium."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        return None
    empty = folder / "empty.html"
    empty.write_text("<!doctype html><title>nothing</title>")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    seconds: dict[Path, list[float]] = {empty: [], page: []}
    for _ in range(runs + 1):  # the first makes the profile
        for target, measured in seconds.items():
            start = time.perf_counter()
            subprocess.run([*command, f"--screenshot={folder / 'page.png'}", target.as_uri()], check=True, capture_output=True)
            measured.append(time.perf_counter() - start)
    return statistics.median(seconds[page][1:]) - statistics.median(seconds[empty][1:])


def measure(labels: int, *, runs: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        file = begun(folder)
        grown(file, labels)
        seconds = []
        for _ in range(runs):
            start = time.perf_counter()
            with Campaign(file) as campaign:
                page = campaign.write_report()["report.html"]
            seconds.append(time.perf_counter() - start)
        size, took, opened = page.stat().st_size / 1e6, statistics.median(seconds), opening(page, folder, runs=runs)
    figures = [
        Figure(f"report_of_{labels}_labels", round(took, 2), "s", round(took, 2), None, f"<= {SECONDS:g}", took <= SECONDS, runs),
        Figure(f"page_of_{labels}_labels", round(size, 2), "MB", round(size, 2), None, f"<= {MEGABYTES:g}", size <= MEGABYTES, 1),
    ]
    if opened is not None:
        figures.append(
            Figure("page_opens", round(opened, 2), "s", round(opened, 2), None, f"<= {OPENS:g}", opened <= OPENS, runs)
        )
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a campaign of 500 labels")
    quick = parser.parse_args().quick
    report(measure(500 if quick else 5000, runs=1 if quick else 3))
