"""A comparison as a flow run on a real Prefect server, its chains on workers of a Dask cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.server import using
from tests.comparison.contests import request
from tests.flows.conftest import Api

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_a_comparison_is_a_flow_run(prefect: Api, tmp_path: Path) -> None:
    from flows.compare import compare

    asked = request(tmp_path, strategies=("farthest",), seeds=1, cluster="local", slots=1)
    with using(prefect.url, prefect.environment):
        result = compare(asked)
    assert {tuple(curve["labels"]) for curve in result["curves"]} == {(6, 10, 14)}
    (run,) = [run for run in prefect.ask("/flow_runs/filter", {}) if run["name"].startswith(f"compare {Path(asked.out).name} · ")]
    assert run["state"]["type"] == "COMPLETED"
    assert {task["name"].rpartition("-")[0] for task in prefect.task_runs(run["id"])} == {
        "prepare",
        "start",
        "compete",
        "conclude",
    }
    shown = {artifact["key"]: str(artifact["data"]) for artifact in prefect.artifacts(run["id"])}
    assert any("| farthest |" in data for data in shown.values())
    assert any(key.endswith("-figure") and data.startswith("data:image/svg+xml") for key, data in shown.items())
