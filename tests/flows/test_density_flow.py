"""A training of densities as a flow run on a real Prefect server, from geometries to a model that predicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from flows.server import using
from tests.flows.conftest import Api

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_a_training_of_densities_is_a_flow_run(prefect: Api, tmp_path: Path) -> None:
    from flows.density import DensityForm, density
    from reactal.density.model import DensityModel
    from reactal.errors import InputError

    write(tmp_path / "hf.xyz", [Atoms("FH", positions=[[0, 0, 0], [0.1, 0, length]]) for length in np.linspace(0.88, 0.98, 4)])
    asked = DensityForm(
        source=str(tmp_path / "hf.xyz"),
        out=str(tmp_path / "model"),
        store=str(tmp_path / "store"),
        size="tiny",
        members=1,
        steps=40,
        hold_out=0.3,
        basis="gth-szv",
        grid_level=0,
    )
    with using(prefect.url, prefect.environment):
        result = density(asked)
        with pytest.raises(InputError, match="choose another folder"):
            density(asked)
    model = DensityModel.read(tmp_path / "model")
    assert (result["dataset"], result["rows"], model.theory.basis) == ("hf@1", 4, "gth-szv")
    runs = {run["state"]["type"]: run for run in prefect.ask("/flow_runs/filter", {}) if run["name"] == asked.out}
    assert set(runs) == {"COMPLETED", "FAILED"}
    assert [task["name"].rpartition("-")[0] for task in prefect.task_runs(runs["COMPLETED"]["id"])] == ["learn densities"]
    (shown,) = [one for one in prefect.artifacts(runs["COMPLETED"]["id"]) if one["key"] == "density-result"]
    assert "energy_error_mha_held_out" in str(shown["data"])
