"""A search on disk: what it searches, and everything that was asked and told, as events that are only ever added."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import InputError, ObjectNotFound
from reactal.search.features import features_of
from reactal.search.library import Library
from reactal.search.proposing import Acquisition, History, check_acquisition, propose
from reactal.store.envelope import seal, unseal
from reactal.store.journal import Journal
from reactal.store.local import LocalStore

__all__ = ["FAILED", "Search", "Settings", "begin", "opened"]

SCHEMA = 1
LIBRARY = "search/library.json"
JOURNAL = "search/journal"
FAILED = "failed"

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Settings:
    """`target` is what the values are called."""

    target: str
    minimise: bool
    acquisition: Acquisition = "ei"
    seed: int = 0


def begin(folder: Path, library: Library, settings: Settings, *, features: Floats | None = None) -> Search:
    """Keep the library's names and features (n, F); values that the library knows already are told at once."""
    check_acquisition(settings.acquisition)
    inputs = features_of(library) if features is None else features
    if (folder / LIBRARY).exists():
        raise InputError(f"{folder} holds a search already; go on with `reactal search ask {folder}`, or choose another folder")
    document = {
        "names": list(library.names),
        "features": inputs.tolist(),
        "target": settings.target,
        "minimise": settings.minimise,
        "acquisition": settings.acquisition,
        "seed": settings.seed,
    }
    objects = LocalStore(str(folder))
    objects.put(LIBRARY, seal({"search": document}, schema=SCHEMA))
    search = opened(folder)
    known = {library.names[row]: float(library.target[row]) for row in np.flatnonzero(np.isfinite(library.target))}
    if known:
        search.tell(known)
    return search


def opened(folder: Path) -> Search:
    """The search in a folder, with all that was asked and told."""
    if not (folder / LIBRARY).is_file():
        raise InputError(f"there is no search in {folder}; `reactal search begin LIBRARY --out {folder}` starts one")
    objects = LocalStore(str(folder))
    try:
        document = unseal(objects.get(LIBRARY), schema=SCHEMA, where=f"{LIBRARY} in {folder}")["search"]
    except ObjectNotFound as error:
        raise InputError(f"the search in {folder} has lost its library; restore it from a copy") from error
    return Search(objects, document)


@final
class Search:
    """Asked, it proposes; told, it learns. Its state is its journal: opened again it goes on where it was."""

    def __init__(self, objects: LocalStore, document: Mapping[str, Any]) -> None:
        self.names: tuple[str, ...] = tuple(document["names"])
        self.settings = Settings(
            document["target"], document["minimise"], check_acquisition(document["acquisition"]), document["seed"]
        )
        self._features = np.asarray(document["features"], dtype=np.float64)
        self._row = {name: row for row, name in enumerate(self.names)}
        self._journal = Journal(objects, JOURNAL)
        self._events: list[dict[str, Any]] = list(self._journal.read())

    def ask(self, count: int) -> tuple[str, ...]:
        """Names of entries to compute next; they are pending until something is told of them."""
        if count < 1:
            raise InputError(f"--batch {count}: ask for one entry at least")
        rng = np.random.default_rng([self.settings.seed, len(self._events)])
        rows = propose(
            self._features,
            self.history,
            count=count,
            minimise=self.settings.minimise,
            acquisition=self.settings.acquisition,
            rng=rng,
        )
        names = tuple(self.names[row] for row in rows)
        if names:
            self._append({"kind": "asked", "names": list(names)})
        return names

    def tell(self, values: Mapping[str, float | str]) -> None:
        """What was computed, in the library's unit, or `failed`. What is known already must not change."""
        known = self.values
        for name, value in values.items():
            if name not in self._row:
                raise InputError(f"the library has no entry {name}; `reactal search show` lists what was asked")
            if value != FAILED and not (isinstance(value, float) and np.isfinite(value)):
                raise InputError(f"{name}={value}: write a number, or {FAILED} where the calculation came to nothing")
            if name in known and known[name] != value:
                raise InputError(f"{name} is known to be {known[name]:g}, and {value} is told now; a value does not change")
        new = {name: value for name, value in values.items() if name not in known}
        if new:
            self._append({"kind": "told", "values": new})

    @property
    def values(self) -> dict[str, float]:
        """Everything that is known, in the order it was told."""
        told = (event["values"] for event in self._events if event["kind"] == "told")
        return {name: value for values in told for name, value in values.items() if value != FAILED}

    @property
    def pending(self) -> tuple[str, ...]:
        """Asked, and nothing told yet."""
        waiting: dict[str, None] = {}
        for event in self._events:
            if event["kind"] == "asked":
                waiting.update(dict.fromkeys(event["names"]))
            else:
                waiting = {name: None for name in waiting if name not in event["values"]}
        return tuple(waiting)

    @property
    def failed(self) -> tuple[str, ...]:
        """Entries of which no value can be had; one that is computed after all is none of them."""
        told = (event["values"] for event in self._events if event["kind"] == "told")
        known = self.values
        return tuple(dict.fromkeys(name for values in told for name in values if values[name] == FAILED and name not in known))

    def ranked(self) -> list[tuple[str, float]]:
        """Known entries, the best first."""
        return sorted(self.values.items(), key=lambda entry: entry[1], reverse=not self.settings.minimise)

    @property
    def history(self) -> History:
        """The state as rows of the library."""
        values = self.values
        return History(
            rows=self._rows(tuple(values)),
            values=np.asarray(list(values.values()), dtype=np.float64),
            pending=self._rows(self.pending),
            closed=self._rows(self.failed),
            gains=self._gains(),
        )

    def _gains(self) -> tuple[bool, ...]:
        """Whether each telling after the first brought a better one."""
        sign = -1.0 if self.settings.minimise else 1.0
        best, gains = -np.inf, []
        for event in self._events:
            given = [sign * value for value in event.get("values", {}).values() if value != FAILED]
            if given:
                gains += [] if best == -np.inf else [max(given) > best]
                best = max(best, *given)
        return tuple(gains)

    def _rows(self, names: Sequence[str]) -> NDArray[np.int64]:
        return np.asarray([self._row[name] for name in names], dtype=np.int64)

    def _append(self, event: dict[str, Any]) -> None:
        self._journal.append(len(self._events), event)
        self._events.append(json.loads(json.dumps(event)))
