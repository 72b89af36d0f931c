"""PaiNN on revised MD17: force error on the official test set after 950 training and 50 validation geometries.

The published errors are those of Schütt, Unke, Gastegger, ICML 2021 (arXiv:2102.03150), table 1: 128 features, 3 interactions,
5 angstrom, 950 and 50 geometries of MD17. One training takes an hour or two of one core: it keeps its state in --state, stops
after --minutes, and goes on from there when it is called again. Processor seconds of all calls are counted.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from figure import Figure, report
from molecules import RMD17, rmd17

from reactal.chem import Frames
from reactal.potentials.architecture import Architecture
from reactal.potentials.references import References
from reactal.potentials.schnetpack import EnergyNetwork
from reactal.training.checkpoint import CheckpointPlace, Checkpoints
from reactal.training.committee import assemble
from reactal.training.fold import held_out_rows
from reactal.training.lesson import Lesson
from reactal.training.member import MemberJob, TrainedMember, run_job
from reactal.training.settings import TrainingSettings

PUBLISHED = {"ethanol": 10.0, "malonaldehyde": 13.8}  # meV/angstrom: 0.230 and 0.319 kcal/mol/angstrom
WITHIN = 1.1
VALIDATION = 50
STEPS = 100_000
KEPT_EVERY = 500


class Enough(Exception):
    """The minutes of this call are over."""


def settings_of(frames: Frames, *, steps: int, seed: int, features: int) -> TrainingSettings:
    """Errors count linearly almost from the start, since their mean is what is judged; the last steps are tiny."""
    wanted = TrainingSettings(
        architecture=Architecture(features=features, smoothing=1e-8),
        steps_first=steps,
        learning_rate_first=1e-3,
        learning_rate_end=0.0,
        warmup=min(1000, steps // 10),
        ema_decay=0.999,
        batch=5,
        energy_weight=0.05,
        loss="huber",
        huber_energy=0.01,
        huber_force=0.01,
        force_scale=1e9,
        validate_every=max(steps // 200, 1),
        checkpoint_steps=KEPT_EVERY,
    )
    return _with_rows_held_out(wanted, frames, seed)


def _with_rows_held_out(wanted: TrainingSettings, frames: Frames, seed: int) -> TrainingSettings:
    """Which geometries are held out follows from their keys: the share is found that holds out so many."""
    low, high = 0.0, 0.5
    while True:
        tried = replace(wanted, validation_share=(low + high) / 2)
        found = len(held_out_rows(frames, tried, fold=seed))
        if found == VALIDATION:
            return tried
        low, high = (tried.validation_share, high) if found < VALIDATION else (low, tried.validation_share)


@final
@dataclass(frozen=True)
class Diary:
    """Processor seconds at the validations of all calls, as JSON lines."""

    file: Path

    def spent(self) -> float:
        return max((line["seconds"] for line in self.lines()), default=0.0)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def add(self, step: int, seconds: float) -> None:
        with self.file.open("a") as file:
            file.write(json.dumps({"step": step, "seconds": round(seconds, 1)}) + "\n")


def train(job: MemberJob, diary: Diary, *, minutes: float) -> TrainedMember | None:
    """None where the minutes were over before the training."""
    before, deadline = diary.spent(), time.monotonic() + 60 * minutes
    began = time.process_time()

    def progress(step: int, steps: int, _: float) -> None:
        over = time.monotonic() > deadline and step % KEPT_EVERY == 0
        if step % job.settings.validate_every == 0 or step == steps or over:
            diary.add(step, before + time.process_time() - began)
        if over and step < steps:
            raise Enough

    try:
        return run_job(job, progress=progress)
    except Enough:
        return None


def so_far(job: MemberJob, frames: Frames) -> tuple[int, Any]:
    """The step that was reached, and the committee of one with the averaged weights of then."""
    assert job.checkpoints is not None
    state, _ = Checkpoints(job.checkpoints, job.digest).newest()
    if state is None:
        raise SystemExit("not one state was kept in these minutes; give it more")
    network = EnergyNetwork(job.settings.architecture)
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            parameter.copy_(state.tensors[f"average/{number}"])
    lesson = Lesson(None, References.fit(frames), job.seed, np.zeros(0, dtype=np.int64), None, None)  # type: ignore[arg-type]
    weights = lesson.member(network, job.settings).to_bytes()
    return state.step, assemble([TrainedMember(weights, (), (), 0, 0.0)])


def curve_of(member: TrainedMember | None, diary: Diary) -> list[dict[str, float]]:
    """Validation force errors in meV/angstrom against processor seconds; known once the training is through."""
    at = {line["step"]: line["seconds"] for line in diary.lines()}
    points = [] if member is None else member.curve
    return [{"seconds": at.get(p.step, float("nan")), "step": p.step, "force_mae_mev": 1000 * p.force_mae} for p in points]


def run(molecule: str, arguments: argparse.Namespace) -> tuple[Figure, dict[str, Any]]:
    frames = rmd17(molecule, "train", folder=arguments.data)
    test = rmd17(molecule, "test", folder=arguments.data)
    steps, features = (300, 32) if arguments.quick else (arguments.steps, arguments.features)
    settings = settings_of(frames, steps=steps, seed=arguments.seed, features=features)
    state = arguments.state / f"{molecule}-{features}-{steps}-{arguments.seed}"
    state.mkdir(parents=True, exist_ok=True)
    place = CheckpointPlace(str(state.absolute()), "states")
    job = MemberJob.of(frames, settings, seed=arguments.seed, checkpoints=place)
    diary = Diary(state / "diary.jsonl")
    member = train(job, diary, minutes=arguments.minutes)
    reached, committee = so_far(job, frames) if member is None else (steps, assemble([member]))
    error = 1000 * float(np.abs(committee.predict(test).forces - test.forces).mean())
    goal = WITHIN * PUBLISHED[molecule]
    unit = "meV/angstrom" if reached == steps else f"meV/angstrom after {reached} of {steps} steps"
    name, met = f"train.rmd17_{molecule}_force_mae_mev", error <= goal and not arguments.quick
    figure = Figure(name, round(error, 2), unit, None, PUBLISHED[molecule], f"<= {goal:.1f}", met=met, runs=1)
    seconds = round(diary.spent())
    return figure, {"molecule": molecule, "step": reached, "cpu_seconds": seconds, "curve": curve_of(member, diary)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small network for a moment: shows that it runs, not how well")
    parser.add_argument("--molecule", choices=PUBLISHED, help="one of them; both without this")
    parser.add_argument("--minutes", type=float, default=30.0, help="of this call, for each molecule")
    parser.add_argument("--steps", type=int, default=STEPS, help="of the whole training; the learning rate falls to 0 there")
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=RMD17)
    parser.add_argument("--state", type=Path, default=Path(".cache") / "rmd17")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = [run(molecule, arguments) for molecule in ([arguments.molecule] if arguments.molecule else PUBLISHED)]
    for _, said in found:
        (arguments.state / f"{said['molecule']}.json").write_text(json.dumps(said))
    report([figure for figure, _ in found])


if __name__ == "__main__":
    main()
