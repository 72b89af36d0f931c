"""Validations in the store: the newest of each kind for every model."""

from __future__ import annotations

import json
from typing import final

from reactal.errors import ObjectNotFound
from reactal.store.objects import ObjectStore
from reactal.validation.base import Validation

__all__ = ["ValidationStore"]


@final
class ValidationStore:
    """`campaigns/<name>/validations/<sha256>.json`, immutable, and `of-<model>.json`: what was held against what last."""

    def __init__(self, objects: ObjectStore, campaign: str) -> None:
        self._objects = objects
        self._prefix = f"campaigns/{campaign}/validations"

    def put(self, model: str, validation: Validation) -> str:
        """Keep it; its hash. Another one of the same model against the same thing is no longer the newest."""
        name = validation.sha256
        self._objects.put_if_absent(self._path(name), validation.sealed())
        newest = {**self._newest(model), validation.against: name}
        self._objects.put(self._index(model), json.dumps(newest, sort_keys=True).encode())
        return name

    def get(self, name: str) -> Validation:
        """By its hash; `ObjectNotFound`, or `DamagedObject` if it is not as it was written."""
        return Validation.unsealed(self._objects.get(self._path(name)), where=f"{self._path(name)} in {self._objects.url}")

    def of(self, model: str) -> tuple[Validation, ...]:
        """The newest of each kind for this model, ordered by what it was held against; none is no error."""
        return tuple(self.get(name) for _, name in sorted(self._newest(model).items()))

    def _newest(self, model: str) -> dict[str, str]:
        try:
            found: dict[str, str] = json.loads(self._objects.get(self._index(model)))
        except ObjectNotFound:
            return {}
        return found

    def _index(self, model: str) -> str:
        return f"{self._prefix}/of-{model}.json"

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}.json"
