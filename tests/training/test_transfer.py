"""Training that starts from a model of elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from reactal.chem import Frames, Structure
from reactal.errors import ConfigError, TooFewLabels
from reactal.potentials.architecture import Architecture
from reactal.potentials.baseline import Baseline
from reactal.potentials.committee import Committee
from reactal.potentials.schnetpack import EnergyNetwork, build_network
from reactal.potentials.weights import Member
from reactal.training.adapters import Adapters
from reactal.training.committee import assemble
from reactal.training.member import TrainedMember, train_member
from reactal.training.schedule import optimiser_and_schedule
from reactal.training.settings import TrainingSettings
from reactal.training.transfer import starts_from
from tests.potentials.surface import METHANOL, labelled

SMALL = TrainingSettings(architecture=Architecture(features=8, interactions=2), steps_first=60, learning_rate_first=1e-2)
QUICK = replace(SMALL, steps_first=3).for_transfer()
FRAMES = labelled(METHANOL, count=40, seed=4)
ELSEWHERE = 37.5  # eV an atom, the difference of two theories' totals


@pytest.fixture(scope="module")
def model() -> Committee:
    frames = labelled(METHANOL, count=60)
    return assemble([train_member(frames, SMALL, seed=seed) for seed in range(2)])


def of_another_theory(frames: Frames) -> Frames:
    return replace(frames, energy=frames.energy + ELSEWHERE * frames.sizes)


def error(weights: bytes, frames: Frames) -> tuple[float, float]:
    """Mean absolute errors, eV and eV/angstrom."""
    said = Committee.of([Member.from_bytes(weights)]).predict(frames)
    return float(np.abs(said.energy - frames.energy).mean()), float(np.abs(said.forces - frames.forces).mean())


def test_the_start_says_what_the_model_says_with_the_totals_of_the_new_theory(model: Committee) -> None:
    frames = of_another_theory(FRAMES)
    starts = starts_from(model, frames, SMALL, members=3)
    own, (first, second, third) = model.predict(FRAMES), starts
    assert first == third != second, "two members serve three, in turn"
    said = Committee.of([Member.from_bytes(weights) for weights in (first, second)]).predict(frames)
    np.testing.assert_allclose(said.forces, own.forces, atol=1e-5)
    off = own.energy - FRAMES.energy
    assert np.abs(said.energy - frames.energy).mean() <= np.abs(off).mean() + 1e-4
    assert (said.energy - frames.energy).mean() == pytest.approx(0, abs=1e-3), "the totals are fitted"


def test_few_steps_from_a_model_reach_what_from_scratch_takes_many(model: Committee) -> None:
    frames = of_another_theory(labelled(METHANOL, count=24, seed=7))
    (start, *_) = starts_from(model, frames, QUICK, members=1)
    transferred = train_member(frames, QUICK, seed=5, warm_start=start)
    scratch = train_member(frames, QUICK, seed=5)
    assert transferred.best.step == QUICK.steps_first
    assert error(transferred.weights, of_another_theory(FRAMES))[1] < 0.7 * error(scratch.weights, of_another_theory(FRAMES))[1]


def test_as_a_feature_extractor_only_the_head_learns(model: Committee) -> None:
    settings = replace(QUICK, transfer="features")
    (start, *_) = starts_from(model, FRAMES, settings, members=1)
    trained = Member.from_bytes(train_member(FRAMES, settings, seed=1, warm_start=start).weights).network
    moved = {name for name, value in trained.named_parameters() if not torch.equal(value, parameters(start)[name])}
    assert moved == {name for name, _ in trained.named_parameters() if name.startswith("outnet.")}


@pytest.mark.parametrize("trace_from", [200, 1], ids=["eager", "traced"])
def test_adapters_change_layers_in_few_directions(trace_from: int, model: Committee) -> None:
    settings = replace(QUICK, transfer="adapters", adapter_rank=2, steps_warm=40, learning_rate_warm=1e-2, trace_from=trace_from)
    frames = of_another_theory(labelled(METHANOL, count=24, seed=7))
    (start, *_) = starts_from(model, frames, settings, members=1)
    trained = train_member(frames, settings, seed=1, warm_start=start).weights
    before, after = parameters(start), parameters(trained)
    for name, weights in after.items():
        off = (weights - before[name]).detach().double()
        if name.startswith("outnet."):
            assert off.any(), "the head learns as it is"
        elif "embedding" in name or off.ndim != 2 or min(off.shape) <= 2:
            assert not off.any(), f"{name} stays"
        else:
            values = torch.linalg.svdvals(off)
            assert values[1] > 0 and values[2] < 1e-4 * values[0], f"{name} moves in two directions"
    assert error(trained, frames)[1] < 0.95 * error(start, frames)[1]


def _whole(adapters: Adapters) -> list[torch.Tensor]:
    return [start + up @ down for start, (down, up) in zip(adapters.start, adapters.factors, strict=True)]


def test_slopes_by_adapters_are_those_of_the_whole() -> None:
    network = build_network(SMALL.architecture, seed=3)
    adapters = Adapters.of(network, rank=2)
    with torch.no_grad():
        for factor in adapters.small:
            factor += 0.3
    random = torch.Generator().manual_seed(0)
    pulls = [torch.randn(p.shape, generator=random) for p in network.parameters()]
    heads = [parameter.detach().clone() for parameter in adapters.heads]
    whole = dict(zip(adapters.where, _whole(adapters), strict=True))
    value = sum((pulls[place] * weights).sum() for place, weights in whole.items())
    expected = torch.autograd.grad(value, adapters.small)
    found = adapters.slopes(pulls)
    assert all(torch.equal(pull, pulls[place]) for pull, place in zip(found, adapters.free, strict=False))
    for one, other in zip(found[len(heads) :], expected, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    adapters.write()
    parameters = list(network.parameters())
    assert all(torch.equal(parameters[place], weights) for place, weights in whole.items())


def parameters(weights: bytes) -> dict[str, torch.Tensor]:
    return dict(Member.from_bytes(weights).network.named_parameters())


def rates(network: EnergyNetwork, settings: TrainingSettings, *, steps: int = 100) -> list[dict[str, float]]:
    """The learning rate of each parameter at each step."""
    optimiser, schedule = optimiser_and_schedule(network, settings, rate=1e-3, steps=steps)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    course = []
    for _ in range(steps):
        course.append({names[id(p)]: group["lr"] for group in optimiser.param_groups for p in group["params"]})
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimiser.step()
        schedule.step()
    return course


@pytest.mark.parametrize("kind", ["painn", "schnet"])
def test_layers_are_freed_from_the_head_downwards(kind: str) -> None:
    network = build_network(Architecture(kind=kind, features=4, interactions=2), seed=0)  # type: ignore[arg-type]
    course = rates(network, replace(SMALL, transfer="gradual"))
    begins = {name: next(step for step, rate in enumerate(course) if rate[name]) for name in course[0]}
    layers = [
        {begin for name, begin in begins.items() if part in name}
        for part in ("outnet", "interactions.1", "interactions.0", "embedding")
    ]
    assert all(len(begin) == 1 for begin in layers)
    order = [begin.pop() for begin in layers]
    assert order == sorted(order) and order[0] == 0 and len(set(order)) == 4
    assert max(begins.values()) == 50, "after half of the steps everything learns"


def test_the_representation_has_a_rate_of_its_own() -> None:
    network = build_network(replace(SMALL.architecture, heads=3), seed=0)
    whole, slow = (rates(network, replace(SMALL, representation_rate=times), steps=80) for times in (1.0, 0.1))
    for one, other in zip(whole, slow, strict=True):
        for name, rate in one.items():
            assert other[name] == pytest.approx(rate * (1 if name.startswith(("outnet.", "others.")) else 0.1))


def test_a_model_that_is_no_start_is_refused(model: Committee) -> None:
    hcl = Structure.from_symbols(["H", "Cl"], [[0.0, 0.0, 0.0], [0.0, 0.0, 1.28]])
    strange = replace(Frames.of([hcl]), energy=np.zeros(1), forces=np.zeros((2, 3)))
    with pytest.raises(ConfigError, match="trained on H, C, O and knows nothing of Cl"):
        starts_from(model, strange, SMALL, members=1)
    for settings, word in (
        (replace(SMALL, architecture=Architecture(features=16)), "features=16"),
        (replace(SMALL, baseline=Baseline("gfn2")), "on the baseline None"),
        (replace(SMALL, prior_reach=0.5), "prior's reach"),
    ):
        with pytest.raises(ConfigError, match=word):
            starts_from(model, FRAMES, settings, members=1)
    with pytest.raises(TooFewLabels):
        starts_from(model, Frames.of(list(FRAMES[:2].structures())), SMALL, members=1)


def test_reference_energies_of_the_members_agree(model: Committee) -> None:
    starts = starts_from(model, of_another_theory(FRAMES), QUICK, members=2)
    members: list[TrainedMember] = [
        train_member(of_another_theory(FRAMES), QUICK, seed=seed, warm_start=start) for seed, start in enumerate(starts)
    ]
    assert len(assemble(members)) == 2
