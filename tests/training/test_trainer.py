"""What a campaign file may tell Lightning's Trainer reaches it, and changes no number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from reactal.config import load_config, science_changes
from reactal.errors import ConfigError
from reactal.potentials.architecture import Architecture
from reactal.stages.train import training_settings
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


def test_a_campaign_says_them_and_they_are_no_science(tmp_path: Path) -> None:
    plain = load_config(leps_campaign(tmp_path))
    assert training_settings(plain, baseline="none").trainer == TrainerWords()
    asked = load_config(leps_campaign(tmp_path, training={"trainer": {"profiler": "simple"}}))
    assert training_settings(asked, baseline="none").trainer == TrainerWords(profiler="simple")
    assert science_changes(plain, asked) == []
    for wrong in ({"profiler": "all"}, {"callbacks": "os.system"}):
        with pytest.raises(ConfigError, match="training"):
            load_config(leps_campaign(tmp_path, training={"trainer": wrong}))
