"""Trained committees, kept by the hash of their bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import final

from reactal.errors import DamagedObject
from reactal.store.objects import ObjectStore
from reactal.store.opening import url_below

__all__ = ["ModelStore"]


@final
class ModelStore:
    """Files of a model under `campaigns/<name>/models/<id>/`, with `files.json` naming each file's SHA-256 and being the id's."""

    def __init__(self, objects: ObjectStore, campaign: str) -> None:
        self._objects = objects
        self._prefix = f"campaigns/{campaign}/models"

    def put(self, files: Mapping[str, bytes]) -> str:
        """Keep the files; the model's id."""
        index = json.dumps({name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}).encode()
        identity = hashlib.sha256(index).hexdigest()
        for name, data in files.items():
            self._objects.put_if_absent(f"{self._prefix}/{identity}/{name}", data)
        self._objects.put_if_absent(f"{self._prefix}/{identity}/files.json", index)
        return identity

    def get(self, identity: str) -> dict[str, bytes]:
        """The files; `DamagedObject` if any is not as it was written."""
        folder = f"{self._prefix}/{identity}"
        index = self._objects.get(f"{folder}/files.json")
        if hashlib.sha256(index).hexdigest() != identity:
            raise DamagedObject(f"{folder}/files.json in {self._objects.url} is not as it was written; restore it from a copy")
        files = {}
        for name, digest in json.loads(index).items():
            files[name] = self._objects.get(f"{folder}/{name}")
            if hashlib.sha256(files[name]).hexdigest() != digest:
                raise DamagedObject(f"{folder}/{name} in {self._objects.url} is not as it was written; restore it from a copy")
        return files

    def url(self, identity: str) -> str:
        """Where a person finds it, and `load_potential` too."""
        return url_below(self._objects.url, f"{self._prefix}/{identity}")
