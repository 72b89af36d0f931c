"""One campaign's bench on a store in memory, taken as far as a first exploration, and predictions and labels made by rule."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from reactal.config import CampaignConfig, load_config
from reactal.labeling.pool import LocalLabelPool
from reactal.progress import NoProgress
from reactal.stages.bench import Bench
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.campaigns import leps_campaign


@pytest.fixture
def config(tmp_path: Path) -> CampaignConfig:
    return load_config(leps_campaign(tmp_path, store=f"memory://{uuid4().hex}"))


@pytest.fixture
def bench(config: CampaignConfig, request: pytest.FixtureRequest) -> Bench:
    """Labels from the LEPS surface, in this process."""
    return bench_of(config, request)


def bench_of(config: CampaignConfig, request: pytest.FixtureRequest) -> Bench:
    objects = open_store(config.store)
    pool = LocalLabelPool(LabelStore(objects), config.theory.theory())
    request.addfinalizer(pool.close)
    return Bench(config=config, objects=objects, label_pool=lambda: pool, submit=lambda: None, progress=NoProgress())
