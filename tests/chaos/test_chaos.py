"""A slice of `make chaos`: some campaigns on real servers that die under them, each as good as an undisturbed one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import chaos, summary
from tests.chaos.plan import AT_MOST, FAULTS, WINDOW, plan

FIRST, RUNS, MINUTES = 0, 2, 1.0


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(900)
def test_disturbed_campaigns_come_to_the_same_end_and_pay_for_nothing_twice(tmp_path: Path) -> None:
    outcomes = chaos(tmp_path, runs=RUNS, first=FIRST, minutes=MINUTES, warm=1)
    found = summary(outcomes)
    assert found["runs"]
    assert found["failed"] == []
    assert found["labels_lost"] == 0


def test_a_plan_follows_from_its_seed_and_all_faults_come() -> None:
    plans = [plan(seed, 40.0) for seed in range(200)]
    assert plans == [plan(seed, 40.0) for seed in range(200)]
    assert {fault.kind for faults in plans for fault in faults} == set(FAULTS)
    assert all(1 <= len(faults) <= AT_MOST for faults in plans)
    assert all(0 <= fault.after <= WINDOW * 40.0 for faults in plans for fault in faults)
