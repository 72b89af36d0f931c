"""What a campaign file may tell Lightning's Trainer reaches it, and changes no number."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from reactal.assembly import resources_of
from reactal.config import load_config, load_resolved, science_changes
from reactal.errors import ConfigError
from reactal.potentials.architecture import Architecture
from reactal.stages.train import training_settings
from reactal.training.committee import jobs, train_committee
from reactal.training.member import train_member
from reactal.training.settings import TrainerWords, TrainingSettings
from tests.campaigns import leps_campaign
from tests.potentials.surface import METHANOL, labelled

SMALL = TrainingSettings(architecture=Architecture(features=8, interactions=1), steps_first=3)
FRAMES = labelled(METHANOL, count=6)


def test_words_are_heard_and_change_no_number() -> None:
    seen: list[bool] = []
    plain = train_member(FRAMES, SMALL, seed=1, progress=lambda *_: seen.append(torch.is_anomaly_enabled()))
    words = TrainerWords(profiler="simple", detect_anomaly=True)
    told = train_member(
        FRAMES, replace(SMALL, trainer=words), seed=1, progress=lambda *_: seen.append(torch.is_anomaly_enabled())
    )
    assert seen == [False] * 3 + [True] * 3
    assert told.weights == plain.weights
    assert plain.notes == ()
    (note,) = told.notes
    assert note.startswith("time: run_training_epoch ") and note.count(" s") >= 3


def test_callbacks_tell_and_change_no_number(capfd: pytest.CaptureFixture[str]) -> None:
    plain = train_member(FRAMES, SMALL, seed=1)
    words = TrainerWords(callbacks=("progress_bar", "gradient_norm", "peak_memory"))
    told = train_member(FRAMES, replace(SMALL, trainer=words, gradient_clip=1e6), seed=1)
    norms, memory = told.notes
    assert re.fullmatch(r"gradient norm: median [\d.e+]+, largest [\d.e+]+, 0% of the steps clipped to 1e\+06", norms)
    assert re.fullmatch(r"peak memory: \d+ MiB of this process", memory)
    said = capfd.readouterr()
    assert "3/3" in said.err and not said.out
    clipped = train_member(FRAMES, replace(SMALL, trainer=TrainerWords(callbacks=("gradient_norm",))), seed=1)
    assert clipped.weights == plain.weights
    stack = train_committee(jobs(FRAMES, replace(SMALL, trainer=words, stacked=True), seeds=(1, 2)))
    assert [len(member.notes) for member in stack] == [2, 0]


def test_precisions_change_what_they_say() -> None:
    """In rounding alone: TensorFloat-32 not on a CPU, double precision little, bfloat16 more; traced as eager."""
    longer = replace(SMALL, steps_first=8)
    losses = {}
    for precision in ("32-true", "tf32", "64-true", "bf16-mixed"):
        asked = replace(longer, trainer=TrainerWords(precision=precision))
        members = [train_member(FRAMES, replace(asked, trace_from=start), seed=1) for start in (1, 100)]
        traced, eager = (np.asarray([point.training_loss for point in member.curve]) for member in members)
        assert traced == pytest.approx(eager, rel=1e-5 if precision != "bf16-mixed" else 1e-2)
        losses[precision] = eager
    assert losses["tf32"] == pytest.approx(losses["32-true"], rel=0, abs=0)
    for precision, least, most in (("64-true", 1e-9, 1e-4), ("bf16-mixed", 1e-5, 0.1)):
        off = np.abs(losses[precision] / losses["32-true"] - 1).max()
        assert least < off < most, precision


def test_precision_is_science_and_what_is_not_said_is_not_written(tmp_path: Path) -> None:
    plain = load_config(leps_campaign(tmp_path))
    assert not {"precision", "callbacks"} & set(plain.canonical()["training"]["trainer"])
    assert "device" not in plain.canonical()["resources"]
    words = {"trainer": {"precision": "64-true", "callbacks": ["gradient_norm"]}}
    asked = load_config(leps_campaign(tmp_path, training=words, resources={"device": "cuda:1"}))
    assert science_changes(plain, asked) == ['training.trainer.precision: null -> "64-true"']
    settings = training_settings(asked, baseline="none")
    assert (settings.trainer, settings.device) == (TrainerWords(precision="64-true", callbacks=("gradient_norm",)), "cuda:1")
    assert training_settings(load_resolved(asked.yaml().encode()), baseline="none") == settings
    assert resources_of(asked) == resources_of(plain)
    with pytest.raises(ConfigError, match=r"resources\.device"):
        load_config(leps_campaign(tmp_path, resources={"device": "gpu"}))


def test_a_campaign_says_them_and_they_are_no_science(tmp_path: Path) -> None:
    plain = load_config(leps_campaign(tmp_path))
    assert training_settings(plain, baseline="none").trainer == TrainerWords()
    asked = load_config(leps_campaign(tmp_path, training={"trainer": {"profiler": "simple"}}))
    assert training_settings(asked, baseline="none").trainer == TrainerWords(profiler="simple")
    assert science_changes(plain, asked) == []
    for wrong in ({"profiler": "all"}, {"callbacks": "os.system"}, {"callbacks": ["os.system"]}, {"precision": "16-true"}):
        with pytest.raises(ConfigError, match="training"):
            load_config(leps_campaign(tmp_path, training={"trainer": wrong}))
