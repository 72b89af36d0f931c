"""A saved potential as an MLflow model with its signature. Imports MLflow's model part, which is slow: load it late."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array

import reactal

__all__ = ["SIGNATURE", "package"]

_VECTOR = Array(DataType.double)
_TRIPLES = Array(_VECTOR)

SIGNATURE = ModelSignature(
    inputs=Schema(
        [
            ColSpec(Array(DataType.long), "numbers"),
            ColSpec(_TRIPLES, "positions"),
            ColSpec(DataType.long, "charge"),
            ColSpec(DataType.long, "multiplicity"),
        ]
    ),
    outputs=Schema(
        [
            ColSpec(DataType.double, "energy"),
            ColSpec(_TRIPLES, "forces"),
            ColSpec(DataType.double, "energy_spread"),
            ColSpec(_VECTOR, "force_spread"),
        ]
    ),
)


def package(potential: Path, destination: Path, *, example: Mapping[str, Any] | None = None) -> None:
    """`destination` (not there yet) becomes a folder that `mlflow.pyfunc.load_model` reads wherever reactal is installed.

    `example` is a row of its input.
    """
    mlflow.pyfunc.save_model(
        path=str(destination),
        python_model=str(Path(__file__).with_name("served.py")),
        artifacts={"potential": str(potential)},
        signature=SIGNATURE,
        input_example=None if example is None else pd.DataFrame([dict(example)]),
        pip_requirements=[f"reactal=={reactal.__version__}"],
    )
