"""Machines that cannot compile, or compile wrongly, train all the same.

That what was compiled right is used is not tested here: compiling the smallest step takes half a minute. Every compiled step is
held against its graph before it is used, and benchmarks/train.py trains with one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch.fx import GraphModule

from reactal.chem import Frames
from reactal.potentials.architecture import Architecture
from reactal.training.gradient import _trace
from reactal.training.member import TrainedMember, train_member
from reactal.training.settings import TrainingSettings
from tests.potentials.surface import WATER, labelled

SETTINGS = TrainingSettings(
    architecture=Architecture(features=4, interactions=1), steps_first=20, batch=5, validate_every=10, trace_from=1
)
COMPILED = replace(SETTINGS, compile_from=20)
WORDS = "the step could not be compiled and is replayed from its trace ("


@pytest.fixture(scope="module")
def frames() -> Frames:
    return labelled(WATER, count=25)


@pytest.fixture(scope="module")
def plain(frames: Frames) -> TrainedMember:
    return train_member(frames, replace(SETTINGS, compile_from=0), seed=1)


@pytest.fixture(autouse=True)
def nothing_traced_yet() -> None:
    _trace.cache_clear()


def test_without_a_compiler_the_trace_is_replayed(frames: Frames, plain: TrainedMember, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_compiler(graph: GraphModule, example: Sequence[torch.Tensor]) -> None:
        raise RuntimeError("No working C++ compiler found\nin any place")

    monkeypatch.setattr("torch._inductor.compile", no_compiler)
    member = train_member(frames, COMPILED, seed=1)
    assert member.notes == (f"{WORDS}RuntimeError: No working C++ compiler found)",)
    assert member.weights == plain.weights


@pytest.mark.parametrize("off", [0.0, 0.01])
def test_what_was_compiled_wrongly_is_not_used(
    off: float, frames: Frames, plain: TrainedMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiler(graph: GraphModule, example: Sequence[torch.Tensor]) -> Callable[..., list[torch.Tensor]]:
        return lambda *tensors: [tensor * (1 + off) for tensor in graph(*tensors)]

    monkeypatch.setattr("torch._inductor.compile", compiler)
    member = train_member(frames, COMPILED, seed=1)
    assert member.notes == ((f"{WORDS}compiled, it gave other numbers)",) if off else ())
    assert member.best.validation_loss == pytest.approx(plain.best.validation_loss, rel=1e-3)


def test_short_trainings_are_not_compiled(frames: Frames, plain: TrainedMember, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(graph: GraphModule, example: Sequence[torch.Tensor]) -> None:
        raise AssertionError("nobody asked for it")

    monkeypatch.setattr("torch._inductor.compile", never)
    member = train_member(frames, replace(SETTINGS, compile_from=21), seed=1)
    assert (member.notes, member.weights) == ((), plain.weights)
