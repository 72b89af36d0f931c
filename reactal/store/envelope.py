"""JSON documents that carry their schema's version and the hash of their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from reactal.errors import DamagedObject

__all__ = ["canonical", "seal", "unseal"]


def canonical(document: Mapping[str, Any]) -> bytes:
    """The one way to write this document: sorted names, no spaces, shortest exact numbers, no NaN (`ValueError`).

    Escaped to ASCII, so that the broken text at the end of a crashed program's log can be kept too.
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def seal(document: Mapping[str, Any], *, schema: int) -> bytes:
    """The document's bytes, with `schema` and, over all the rest, `sha256`."""
    versioned = {**document, "schema": schema}
    return canonical({**versioned, "sha256": _digest(versioned)})


def unseal(data: bytes, *, schema: int, where: str) -> dict[str, Any]:
    """The document that was sealed; `DamagedObject` naming `where` if it is not what its writer wrote."""
    try:
        document = json.loads(data)
    except ValueError as error:
        raise DamagedObject(f"{where} is no JSON ({error}); restore it from a copy or remove it") from error
    if not isinstance(document, dict) or "sha256" not in document:
        raise DamagedObject(f"{where} is not one of reactal's documents; restore it from a copy or remove it")
    written = document.pop("sha256")
    if document.get("schema") != schema:
        raise DamagedObject(f"{where} has schema {document.get('schema')!r}, this reactal reads {schema}; use the newest reactal")
    if not _is_as_written(data, written) and _digest(document) != written:
        raise DamagedObject(f"{where} does not match its hash; restore it from a copy or remove it")
    del document["schema"]
    return document


def _is_as_written(data: bytes, written: object) -> bool:
    """Whether the bytes without the hash have that hash: as `seal` left them, which spares writing the document once more."""
    member = f',"sha256":"{written}"'.encode()
    return data.count(member) == 1 and hashlib.sha256(data.replace(member, b"")).hexdigest() == written


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(document)).hexdigest()
