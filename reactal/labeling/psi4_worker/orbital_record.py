"""A finished label as other labels learn from it, in bytes: a line of JSON that says what it is, then plain numbers.

Atoms stand in the order of their symbols, so that campaigns that number them in other ways learn from each other. Orbitals are
of single precision: a guess needs no more. Nothing of it is executed or trusted: what does not fit together is no record.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from .shells import Shell

Json = Dict[str, Any]

MAGIC = b"reactal orbitals 1\n"
ORTHONORMAL = 1e-4
NAMED = ("symbols", "charge", "multiplicity", "method", "basis", "keywords")  # what labels that learn from each other share


class Record(NamedTuple):
    """Angstrom and atomic units, atoms in the order of their symbols. `planes` (functions, orbitals) for each spin, orthonormal,
    in the basis of `shells.Turning`; `fresh` iterations are those from a fresh guess, None where there was another."""

    identity: Json
    shells: List[Shell]
    positions: Any
    gradient: Any
    energy: float
    s_squared: Optional[float]
    fresh_iterations: Optional[int]
    planes: List[Any]

    def to_bytes(self) -> bytes:
        import numpy as np

        said = {
            "identity": self.identity,
            "shells": self.shells,
            "positions": np.asarray(self.positions).tolist(),
            "gradient": np.asarray(self.gradient).tolist(),
            "energy": self.energy,
            "s_squared": self.s_squared,
            "fresh_iterations": self.fresh_iterations,
            "planes": [list(plane.shape) for plane in self.planes],
        }
        numbers = b"".join(np.ascontiguousarray(plane, dtype="<f4").tobytes() for plane in self.planes)
        return MAGIC + json.dumps(said).encode() + b"\n" + numbers


def record_from(data: bytes, identity: Json) -> Optional[Record]:
    """None where the bytes are damaged, or not of this identity."""
    try:
        return _read(data, identity)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        return None


def _read(data: bytes, identity: Json) -> Optional[Record]:
    import numpy as np

    if not data.startswith(MAGIC):
        return None
    line, _, numbers = data[len(MAGIC) :].partition(b"\n")
    said = json.loads(line)
    if said["identity"] != identity:
        return None
    planes = []
    for rows, columns in said["planes"]:
        size = 4 * rows * columns
        planes.append(np.frombuffer(numbers[:size], dtype="<f4").reshape(rows, columns).astype(np.float32))
        numbers = numbers[size:]
    positions, gradient = np.array(said["positions"], dtype=float), np.array(said["gradient"], dtype=float)
    shells = [(int(atom), int(degree), bool(pure)) for atom, degree, pure in said["shells"]]
    spin, fresh = said["s_squared"], said["fresh_iterations"]
    record = Record(
        identity, shells, positions, gradient, float(said["energy"]), None if spin is None else float(spin), fresh, planes
    )
    return record if not numbers and _fits_together(record) else None


def _fits_together(record: Record) -> bool:
    import numpy as np

    atoms = len(record.identity["symbols"])
    functions = sum(2 * degree + 1 if pure else (degree + 1) * (degree + 2) // 2 for _, degree, pure in record.shells)
    shapes = record.positions.shape == record.gradient.shape == (atoms, 3)
    finite = np.isfinite(record.positions).all() and np.isfinite(record.gradient).all() and np.isfinite(record.energy)
    return bool(
        shapes
        and finite
        and 1 <= len(record.planes) <= 2
        and all(0 <= atom < atoms for atom, _, _ in record.shells)
        and all(plane.shape[0] == functions and _is_orthonormal(plane) for plane in record.planes)
    )


def _is_orthonormal(plane: Any) -> bool:
    import numpy as np

    return bool(np.abs(plane.T @ plane - np.eye(plane.shape[1])).max() < ORTHONORMAL)  # false where it is not finite


def canonical_order(symbols: Sequence[str]) -> List[int]:
    """The atoms in the order of a record."""
    return sorted(range(len(symbols)), key=lambda atom: (symbols[atom], atom))


def identity_of(request: Json, version: str) -> Json:
    """What a record must agree in with a request. The reference follows from these."""
    named = {name: request[name] for name in NAMED}
    return {**named, "symbols": sorted(request["symbols"]), "program": f"psi4 {version}"}
