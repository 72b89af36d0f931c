"""Every label ever paid for, by theory and structure, shared by all campaigns of a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any, TypeVar, final

from reactal.chem.label import Label, LabelFailure
from reactal.chem.structure import Structure
from reactal.chem.theory import Theory
from reactal.errors import DamagedObject, InputError
from reactal.store.claims import Claims
from reactal.store.envelope import seal, unseal
from reactal.store.fetching import fetch
from reactal.store.objects import ObjectStore
from reactal.store.orbitals import OrbitalStore

__all__ = ["LabelEntry", "LabelStore"]

SCHEMA = 1
WINDOW = 256  # entries in memory at once

T = TypeVar("T")
_Document = dict[str, Any]
_Path = Callable[[str, str], str]


@final
@dataclass(frozen=True)
class LabelEntry:
    """A structure and what its calculation gave."""

    structure: Structure
    outcome: Label | LabelFailure


@final
class LabelStore:
    """Labels under `labels/<theory>/<k0k1>/<structure key>.json`, failures likewise under `labels/<theory>/failed/`.

    A label is never replaced, but by `supersede`, which keeps it. A failure is replaced by a newer one and hidden by a label.
    Theories are given by their fingerprint. Reading raises `DamagedObject` for what is not as it was written.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    @property
    def url(self) -> str:
        """Of the store."""
        return self._objects.url

    def claims(self) -> Claims:
        """To say what is being computed: one for each slot."""
        return Claims(self._objects)

    def orbitals(self) -> OrbitalStore:
        """What finished labels leave for the guesses of others."""
        return OrbitalStore(self._objects)

    def get(self, theory: str, structure_key: str) -> Label | LabelFailure | None:
        """The label, else the failure, else None."""
        return next(self._read(theory, [structure_key], _outcome))

    def entry(self, theory: str, structure_key: str) -> LabelEntry | None:
        """As `get`, with the structure as it was labelled."""
        return next(self.entries(theory, [structure_key]))

    def get_many(self, theory: str, structure_keys: Iterable[str]) -> dict[str, Label | LabelFailure]:
        """What there is for these keys; keys without either are left out."""
        keys = list(structure_keys)
        found = zip(keys, self._read(theory, keys, _outcome), strict=True)
        return {key: outcome for key, outcome in found if outcome is not None}

    def entries(self, theory: str, structure_keys: Iterable[str]) -> Iterator[LabelEntry | None]:
        """One entry for each key, in order, None where there is neither label nor failure."""
        return self._read(theory, structure_keys, _entry)

    def put(self, outcome: Label | LabelFailure, structure: Structure) -> bool:
        """Keep what the calculation of `structure` gave, durably; False if a label was there already (it stays)."""
        if outcome.structure_key != structure.key:
            raise ValueError(f"the label is of structure {outcome.structure_key[:12]}, not of {structure.key[:12]}")
        kind = "label" if isinstance(outcome, Label) else "failure"
        data = seal({"structure": structure.as_json(), kind: outcome.as_json()}, schema=SCHEMA)
        if isinstance(outcome, Label):
            return self._objects.put_if_absent(_label_path(outcome.theory, structure.key), data)
        if isinstance(self.get(outcome.theory, structure.key), Label):
            return False
        self._objects.put(_failure_path(outcome.theory, structure.key), data)
        return True

    def supersede(self, label: Label, structure: Structure, why: str) -> None:
        """In the place of a label that was found to be wrong, which stays under `labels/<theory>/superseded/` with the reason."""
        path = _label_path(label.theory, structure.key)
        old = unseal(self._objects.get(path), schema=SCHEMA, where=self._named(path))
        kept = seal({**old, "superseded": why}, schema=SCHEMA)
        name = sha256(kept).hexdigest()[:12]
        self._objects.put(f"labels/{label.theory}/superseded/{structure.key[:2]}/{structure.key}-{name}.json", kept)
        self._objects.put(path, seal({"structure": structure.as_json(), "label": label.as_json()}, schema=SCHEMA))

    def superseded(self, theory: str) -> Iterator[tuple[LabelEntry, str]]:
        """Labels that were replaced, and why."""
        for path in self._objects.list(f"labels/{theory}/superseded/"):
            document = unseal(self._objects.get(path), schema=SCHEMA, where=self._named(path))
            yield _entry(document), str(document["superseded"])

    def keys(self, theory: str) -> Iterator[str]:
        """Keys of all structures with a label, ascending."""
        depth = _label_path(theory, "").count("/")  # failures lie one deeper, the theory one higher
        return (_key_of(path) for path in self._objects.list(f"labels/{theory}/") if path.count("/") == depth)

    def failures(self, theory: str) -> Iterator[str]:
        """Keys of all structures that failed and have no label since, ascending."""
        keys = (_key_of(path) for path in self._objects.list(f"labels/{theory}/failed/"))
        return (key for key in keys if isinstance(self.get(theory, key), LabelFailure))

    def failed(self, theory: str) -> Iterator[LabelEntry]:
        """Those structures with their failures."""
        listed = (_key_of(path) for path in self._objects.list(f"labels/{theory}/failed/"))
        return (entry for entry in self.entries(theory, listed) if entry and isinstance(entry.outcome, LabelFailure))

    def register(self, theory: Theory) -> None:
        """Write down what a fingerprint stands for, so that the store can be read without the campaign."""
        self._objects.put_if_absent(f"labels/{theory.fingerprint}/theory.json", seal({"theory": theory.as_json()}, schema=SCHEMA))

    def theories(self) -> tuple[Theory, ...]:
        """All registered theories."""
        paths = [path for path in self._objects.list("labels/") if path.count("/") == 2 and path.endswith("/theory.json")]
        opened = (unseal(self._objects.get(path), schema=SCHEMA, where=self._named(path)) for path in paths)
        return tuple(Theory.from_json(document["theory"]) for document in opened)

    def _read(self, theory: str, keys: Iterable[str], understand: Callable[[_Document], T]) -> Iterator[T | None]:
        remaining = iter(keys)
        while window := list(islice(remaining, WINDOW)):
            found = self._found(theory, window, _label_path, understand)
            found |= self._found(theory, [key for key in window if key not in found], _failure_path, understand)
            yield from (found.get(key) for key in window)

    def _found(self, theory: str, keys: list[str], path: _Path, understand: Callable[[_Document], T]) -> dict[str, T]:
        found = {}
        for key, data in zip(keys, fetch(self._objects, (path(theory, key) for key in keys)), strict=True):
            if data is not None:
                where = self._named(path(theory, key))
                found[key] = _opened(data, where, named=(theory, key), understand=understand)
        return found

    def _named(self, path: str) -> str:
        return f"label {path} in {self._objects.url}"


def _opened(data: bytes, where: str, *, named: tuple[str, str], understand: Callable[[_Document], T]) -> T:
    document = unseal(data, schema=SCHEMA, where=where)
    try:
        content = document.get("label") or document["failure"]
        if (content["theory"], content["structure_key"]) != named:
            raise DamagedObject(f"{where} is the label of another structure or theory; remove it and it is computed again")
        return understand(document)
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise DamagedObject(f"{where} cannot be understood ({error!r}); remove it and it is computed again") from error


def _outcome(document: _Document) -> Label | LabelFailure:
    return Label.from_json(document["label"]) if "label" in document else LabelFailure.from_json(document["failure"])


def _entry(document: _Document) -> LabelEntry:
    entry = LabelEntry(Structure.from_json(document["structure"]), _outcome(document))
    if entry.structure.key != entry.outcome.structure_key:
        raise ValueError("its structure is not the one it was computed for")
    return entry


def _label_path(theory: str, key: str) -> str:
    return f"labels/{theory}/{key[:2]}/{key}.json"


def _failure_path(theory: str, key: str) -> str:
    return f"labels/{theory}/failed/{key[:2]}/{key}.json"


def _key_of(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".json")
