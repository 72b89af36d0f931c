"""A campaign's events in order, each written once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, final

from reactal.errors import DamagedObject, DriverConflict, ObjectNotFound
from reactal.store.envelope import seal, unseal
from reactal.store.fetching import fetch
from reactal.store.objects import ObjectStore

__all__ = ["Journal"]

SCHEMA = 1
_RECORD = re.compile(r"/\d{8}\.json$")  # anything else that lies there is none of ours


@final
class Journal:
    """Events 0, 1, 2, ... under `<prefix>/<seq:08d>.json`; appending is the only change there is.

    `driver` goes into each record: two drivers with different names cannot both append the same event.
    """

    def __init__(self, objects: ObjectStore, prefix: str, *, driver: str = "") -> None:
        self._objects = objects
        self._prefix = prefix.rstrip("/")
        self._driver = driver

    def read(self) -> tuple[dict[str, Any], ...]:
        """All events; `DamagedObject` names the first that is missing or not as it was written."""
        keys = [key for key in self._objects.list(f"{self._prefix}/") if _RECORD.search(key)]
        for seq, key in enumerate(keys):
            if key != self._key(seq):
                raise DamagedObject(f"{self._named(self._key(seq))} is missing; restore it from a copy")
        return tuple(self._event(seq, data) for seq, data in enumerate(fetch(self._objects, keys)))

    def since(self, seq: int) -> tuple[dict[str, Any], ...]:
        """Events `seq` and later, without listing what came before."""
        found: list[dict[str, Any]] = []
        while True:
            try:
                data = self._objects.get(self._key(seq + len(found)))
            except ObjectNotFound:
                return tuple(found)
            found.append(self._event(seq + len(found), data))

    def append(self, seq: int, event: Mapping[str, Any]) -> None:
        """Write event `seq`, durably; `DriverConflict` if another one is there. The same once more changes nothing."""
        if seq < 0 or (seq > 0 and not self._has(seq - 1)):
            raise ValueError(f"event {seq} does not follow the journal {self._prefix}; events come without gaps")
        key = self._key(seq)
        record = seal({"seq": seq, "driver": self._driver, "event": dict(event)}, schema=SCHEMA)
        if self._objects.put_if_absent(key, record) or self._objects.get(key) == record:
            return
        raise DriverConflict(
            f"another driver wrote event {seq} of {self._prefix} in {self._objects.url} first; let that one go on, or stop it "
            "and start again"
        )

    def _event(self, seq: int, data: bytes | None) -> dict[str, Any]:
        where = self._named(self._key(seq))
        if data is None:
            raise DamagedObject(f"{where} is missing; restore it from a copy")
        record = unseal(data, schema=SCHEMA, where=where)
        if record.get("seq") != seq or not isinstance(record.get("event"), dict):
            raise DamagedObject(f"{where} holds another event than its name says; restore it from a copy")
        event: dict[str, Any] = record["event"]
        return event

    def _has(self, seq: int) -> bool:
        try:
            self._objects.get(self._key(seq))
        except ObjectNotFound:
            return False
        return True

    def _key(self, seq: int) -> str:
        return f"{self._prefix}/{seq:08d}.json"

    def _named(self, key: str) -> str:
        return f"journal record {key} in {self._objects.url}"
