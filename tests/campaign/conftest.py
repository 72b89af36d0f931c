from __future__ import annotations

from pathlib import Path

import pytest

from reactal.config import CampaignConfig, load_config

EXAMPLE = Path(__file__).parents[2] / "examples" / "sn2-chloride" / "campaign.yaml"


@pytest.fixture(scope="session")
def config() -> CampaignConfig:
    settings = ["verification.barrier_tolerance=1.0", "budget.labels=150", "verification.proof=0", "verification.way_points=0"]
    return load_config(EXAMPLE, settings=settings)
