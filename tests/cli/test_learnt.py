"""What `reactal train` learns from where a data set is too large to be held in memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.cli.learnt import learnt_from
from reactal.cli.main import invoke
from reactal.store.datasets import DatasetStore
from reactal.store.opening import open_store
from reactal.training.settings import TrainingSettings
from reactal.training.shards import StoredRows
from tests.campaigns import leps_campaign
from tests.potentials.surface import METHANOL, WATER, labelled


@pytest.fixture
def store(tmp_path: Path) -> str:
    url = str(tmp_path / "store")
    DatasetStore(open_store(url), shard_rows=25).commit("mixed", labelled(METHANOL, WATER, count=60))
    return url


def test_rows_are_the_same_in_memory_and_from_files(store: str, tmp_path: Path) -> None:
    """All but those that are kept out, which both ways of training never see; and nothing is left behind."""
    frames, out = labelled(METHANOL, WATER, count=60), tmp_path / "model"
    for stream_from, streamed in ((61, False), (60, True)):
        source = learnt_from("mixed@1", store, hold_out=0.2, seed=1, stream_from=stream_from, beside=out)
        with source.taught(TrainingSettings(stream_from=stream_from)) as rows:
            assert isinstance(rows, StoredRows) == streamed
            taught = rows if isinstance(rows, Frames) else Frames.concat([rows.read(n) for n in range(len(rows.names))])
            assert len(taught) == source.rows
        assert sorted([*taught.keys(), *source.kept_out.keys()]) == sorted(frames.keys())
        assert 2 < len(source.kept_out) < 25
        assert set(source.frames.keys()) <= set(taught.keys())
    assert {path.name for path in tmp_path.iterdir()} == {"store"}


def test_from_many_rows_in_memory_to_files(tmp_path: Path, store: str) -> None:
    from reactal.chem.files import write_labelled

    write_labelled(tmp_path / "rows.parquet", labelled(WATER, count=12))
    source = learnt_from(str(tmp_path / "rows.parquet"), store, hold_out=0.0, seed=1, stream_from=10, beside=tmp_path / "model")
    with source.taught(TrainingSettings(stream_from=10)) as rows:
        assert isinstance(rows, StoredRows) and len(rows) == 12


def test_reactal_train_streams_a_large_data_set(store: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    campaign = leps_campaign(tmp_path, training={"stream_from": 50, "steps_first": 12, "batch": 4})
    words = ["train", "mixed", "--store", store, "--campaign", str(campaign), "--members", "2"]
    assert invoke([*words, "--out", str(tmp_path / "model"), "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["rows"] + said["held_out"]["rows"] == 60
    assert np.isfinite(said["held_out"]["force_mae_ev_per_ang"])
    assert (tmp_path / "model" / "model.json").exists()
