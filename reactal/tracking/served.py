"""The model as MLflow serves it: this file travels with the weights and is run where they are loaded; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from reactal.chem import Frames, Structure
from reactal.potentials.export import read_committee


@final
class ServedPotential(PythonModel):
    """A row a structure: numbers, positions (angstrom), charge, multiplicity; back come energy (eV), forces (eV/angstrom)
    and the members' disagreement about both."""

    def load_context(self, context: Any) -> None:
        self.committee = read_committee(context.artifacts["potential"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        frames = Frames.of([_structure(row) for row in model_input.to_dict("records")])
        found = self.committee.predict(frames)
        atoms = [frames.atoms(i) for i in range(len(frames))]
        return pd.DataFrame(
            {
                "energy": found.energy,
                "forces": [found.forces[some].tolist() for some in atoms],
                "energy_spread": found.energy_spread,
                "force_spread": [found.force_spread[some].tolist() for some in atoms],
            }
        )


def _structure(row: Mapping[Any, Any]) -> Structure:
    return Structure(
        tuple(int(n) for n in row["numbers"]),
        np.asarray([list(place) for place in row["positions"]], dtype=np.float64),
        charge=int(row["charge"]),
        multiplicity=int(row["multiplicity"]),
    )


mlflow.models.set_model(ServedPotential())
