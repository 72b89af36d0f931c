"""Settings are searched, judged on labels that no training saw, and the search goes on where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from reactal.chem.convert import write_frames
from reactal.config import defaults
from reactal.errors import InputError, TooFewLabels
from reactal.potentials.architecture import Architecture
from reactal.training.knobs import KNOBS, as_sections, turned, value_of
from reactal.training.settings import TrainingSettings
from reactal.training.tuning import Search, tune
from tests.campaigns import leps_campaign
from tests.cli.toy import reactal
from tests.potentials.surface import WATER, labelled

pytest.importorskip("optuna")

FRAMES = labelled(WATER, count=25)
QUICK = TrainingSettings(architecture=Architecture(features=16, interactions=1), steps_first=2)
SHORT = Search(trials=2, splits=1, finalists=1, repeats=2)


def test_the_table_speaks_of_settings_that_there_are() -> None:
    known, middle = defaults(), {knob.key: knob.low for knob in KNOBS}
    settings = turned(TrainingSettings(), middle)
    for knob in KNOBS:
        section, _, name = knob.key.partition(".")
        assert isinstance(known[section][name], int if knob.whole else (int, float))
        assert value_of(settings, knob) == knob.low < knob.high
        assert knob.low <= value_of(TrainingSettings(), knob) <= knob.high, "the search begins with the defaults"
    assert as_sections({"model.features": 24, "training.batch": 7, "training.ema": 0.98765432}) == {
        "model": {"features": 24},
        "training": {"batch": 7, "ema": 0.9877},
    }


def test_a_search_is_gone_on_with_and_counts_what_it_did(tmp_path: Path) -> None:
    heard: list[int] = []
    first = tune(FRAMES, QUICK, SHORT, folder=tmp_path, told=lambda done, _: heard.append(done))
    again = tune(FRAMES, QUICK, replace(SHORT, trials=3), folder=tmp_path, told=lambda done, _: heard.append(done))
    assert heard == [1, 2, 3]
    assert len(first) == len(again) == 2, "one finalist, and the start"
    assert dict(first[-1].values) == {knob.key: value_of(QUICK, knob) for knob in KNOBS}
    assert first[-1].errors == again[-1].errors, "the same splits"
    assert len(set(first[-1].errors)) == 2
    with pytest.raises(InputError, match="of other labels or settings"):
        tune(FRAMES[np.arange(22)], QUICK, SHORT, folder=tmp_path)


def test_better_settings_than_hopeless_ones_are_found(tmp_path: Path) -> None:
    """A learning rate at which nothing is learnt in forty steps."""
    hopeless = replace(QUICK, steps_first=40, warmup=2, learning_rate_first=1e-7, learning_rate_end=1e-8)
    best, start = tune(FRAMES, hopeless, replace(SHORT, trials=4), folder=tmp_path)
    assert best.mean < 0.8 * start.mean


def test_too_few_labels(tmp_path: Path) -> None:
    with pytest.raises(TooFewLabels, match="5 labels are too few"):
        tune(FRAMES[np.arange(5)], QUICK, SHORT, folder=tmp_path)


def test_reactal_tune_writes_what_a_campaign_reads(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_frames(tmp_path / "labelled.extxyz", FRAMES)
    words = ("tune", tmp_path / "labelled.extxyz", "--out", tmp_path / "study", "--trials", 1, "--splits", 1, "--steps", 2)
    answer = reactal(capfd, *words, "--finalists", 1, "--repeats", 2)
    assert answer.code == 0, answer.err
    assert "# force error of the best settings found" in answer.out and " ± " in answer.out
    assert "better by more than the noise" in answer.out, "the only trial was that of the defaults"
    sections = yaml.safe_load((tmp_path / "study" / "tuned.yaml").read_text())
    assert set(sections) == {"model", "training"}
    file = leps_campaign(tmp_path / "campaign", small=False, **sections)
    assert reactal(capfd, "status", file).code == 0
