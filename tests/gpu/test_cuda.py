"""On a real GPU: the CPU's numbers, to rounding, in prediction, dynamics and training; and less at once where memory is short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.exploration.dynamics import Plan, simulate
from reactal.exploration.guards import Guards
from reactal.exploration.replicas import Replicas
from reactal.potentials.architecture import Architecture
from reactal.potentials.committee import Committee
from reactal.potentials.device import device_of
from reactal.potentials.driving import DrivenCommittee
from reactal.potentials.latent import latent_features
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network
from reactal.training.committee import assemble, jobs, stacks, train_committee
from reactal.training.member import run_job, train_member
from reactal.training.settings import TrainerWords, TrainingSettings
from tests.potentials.surface import KINDS, METHANOL, WATER, labelled

pytestmark = pytest.mark.gpu

DOUBLE = 1e-8  # eV, eV/angstrom
SINGLE = 2e-4
CURVE = 2e-2  # of the validation loss after some steps, which carry the rounding on
SETTINGS = TrainingSettings(
    architecture=Architecture(features=8, interactions=2),
    steps_first=30,
    batch=5,
    validate_every=10,
    trace_from=1,
    device="cuda:0",
)


@pytest.fixture
def little_memory() -> Iterator[None]:
    """A GPU of which a thousandth may be used beyond what is in use."""
    device = device_of("cuda:0")
    whole = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(torch.cuda.memory_reserved(device) / whole + 1e-3, device)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0, device)


def committee(kind: str = "painn", **more: object) -> Committee:
    networks = tuple(build_network(Architecture(kind=kind, features=8, interactions=2, **more), seed=i) for i in range(3))
    return Committee(networks, References(((1, -13.6), (6, -1030.0), (8, -2040.0))), ScreenedRepulsion())


@pytest.mark.parametrize("kind", KINDS)
def test_a_committee_says_the_same_there(kind: str) -> None:
    here, frames = committee(kind), labelled(WATER, METHANOL, count=12)
    there = here.on(device_of("cuda:0"))
    assert next(here.networks[0].parameters()).device.type == "cpu"
    for _ in range(60):  # beyond what is worth a trace
        said = there.predict(frames)
    right = here.predict(frames)
    for name in ("energy", "forces", "energy_spread", "force_spread"):
        assert getattr(said, name) == pytest.approx(getattr(right, name), abs=DOUBLE), name
    assert latent_features(there, frames) == pytest.approx(latent_features(here, frames), abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_driven_committee_says_the_same_there(dtype: torch.dtype) -> None:
    frames = Frames.concat([labelled(METHANOL, count=10), labelled(WATER, count=3)])
    here, there = DrivenCommittee(committee(), dtype=dtype), DrivenCommittee(committee().on(device_of("cuda:0")), dtype=dtype)
    for seed in range(3):  # a recording answers for other positions than its own
        moved = replace(frames, positions=frames.positions + np.random.default_rng(seed).normal(0, 0.05, frames.positions.shape))
        within = SINGLE if dtype == torch.float32 else DOUBLE
        assert there.members(moved)[1] == pytest.approx(here.members(moved)[1], abs=within)
        assert there.lead(moved)[1] == pytest.approx(here.lead(moved)[1], abs=within)


def test_replicas_take_the_same_steps() -> None:
    start = Frames.repeat(METHANOL, np.stack([METHANOL.positions] * 4))
    replicas = Replicas.of(start, temperatures=300.0)
    plan, guards = Plan(20, 20), Guards(trust=1e9, cap=1e9, energy_window=1e9)
    ends = [
        simulate(DrivenCommittee(one, dtype=torch.float64), replicas, plan=plan, guards=guards).frames.positions
        for one in (committee(), committee().on(device_of("cuda:0")))
    ]
    assert ends[1] == pytest.approx(ends[0], abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_learns_the_same_there(kind: str) -> None:
    settings = replace(SETTINGS, architecture=Architecture(kind=kind, features=8, interactions=1))
    frames = labelled(METHANOL, count=30)
    there, here = (train_member(frames, replace(settings, device=device), seed=1) for device in ("cuda:0", "cpu"))
    assert there.best.validation_loss == pytest.approx(here.best.validation_loss, rel=CURVE)
    assert assemble([there]).device.type == "cpu"


@pytest.mark.parametrize(
    "words", [TrainerWords(precision="tf32"), TrainerWords(precision="64-true"), TrainerWords(callbacks=("peak_memory",))]
)
def test_precisions_and_callbacks_there(words: TrainerWords) -> None:
    plain, other = (
        train_member(labelled(METHANOL, count=30), replace(SETTINGS, trainer=w), seed=1) for w in (TrainerWords(), words)
    )
    assert other.best.validation_loss == pytest.approx(plain.best.validation_loss, rel=5 * CURVE)
    assert any(note.startswith("peak memory: ") for note in other.notes) == bool(words.callbacks)


def test_a_committee_is_a_stack_there_unless_there_is_a_gpu_for_each() -> None:
    work = jobs(labelled(METHANOL, count=30), SETTINGS, seeds=(1, 2, 3))
    assert stacks(work)
    assert not stacks(jobs(labelled(METHANOL, count=30), replace(SETTINGS, stacked="never"), seeds=(1, 2, 3)))
    stack, apart = train_committee(work), [run_job(job) for job in work]
    for mine, theirs in zip(stack, apart, strict=True):
        assert mine.notes == ()
        assert mine.best.validation_loss == pytest.approx(theirs.best.validation_loss, rel=CURVE)


@pytest.mark.usefixtures("little_memory")
def test_with_little_memory_there_is_less_at_once() -> None:
    frames = labelled(METHANOL, count=4000)
    there = committee().on(device_of("cuda:0"))
    before = there.portions.pairs
    assert there.predict(frames).energy == pytest.approx(committee().predict(frames).energy, abs=DOUBLE)
    assert there.portions.pairs < before
    large = replace(SETTINGS, batch=2000, steps_first=3, architecture=Architecture(features=64))
    member = train_member(frames, large, seed=1)
    assert any("need more memory than there is" in note for note in member.notes)
