"""Data sets of a store as `mlflow.data` describes them. Imports MLflow's data part, which is slow: load it late."""

from __future__ import annotations

import json
from typing import Any, final

from mlflow.data.dataset_source import DatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array

from reactal.tracking.base import DatasetRef

__all__ = ["StoredRows", "described"]

_TRIPLES = Array(Array(DataType.double))
SCHEMA = Schema(
    [
        ColSpec(Array(DataType.long), "numbers"),
        ColSpec(_TRIPLES, "positions"),  # angstrom
        ColSpec(DataType.double, "energy"),  # eV
        ColSpec(_TRIPLES, "forces"),  # eV/angstrom
        ColSpec(DataType.long, "charge"),
        ColSpec(DataType.long, "multiplicity"),
    ]
)


@final
class StoredRows(DatasetSource):
    """Rows in an object store of reactal."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    @staticmethod
    def _get_source_type() -> str:
        return "reactal"

    def load(self, **_: Any) -> Any:
        """The bytes of what the URL names."""
        from reactal.store.opening import open_store

        place, key = self._uri.rsplit("/", 1)
        return open_store(place).get(key)

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:  # noqa: ARG004 - MLflow asks
        return False

    @classmethod
    def _resolve(cls, raw_source: Any) -> StoredRows:
        raise NotImplementedError(f"{raw_source} is resolved by reactal's own stores alone")

    def to_dict(self) -> dict[str, Any]:
        return {"uri": self._uri}

    @classmethod
    def from_dict(cls, source_dict: dict[str, Any]) -> StoredRows:
        return cls(source_dict["uri"])


def described(dataset: DatasetRef) -> Any:
    """MLflow's entity."""
    from mlflow.entities import Dataset

    digest = dataset.digest[:36]  # as much as MLflow's databases keep
    source = StoredRows(dataset.url)
    told = MetaDataset(source, name=dataset.name, digest=digest, schema=SCHEMA).to_dict()  # type: ignore[abstract]
    return Dataset(**told, profile=json.dumps({"structures": dataset.structures, "atoms": dataset.atoms}))
