"""What a validation found, as plain values: verdicts, tables, curves, geometries. What shows them knows nothing else.

Numbers carry their unit beside them. None stands for what could not be measured; the outcome then says why.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, final

from reactal.chem import Structure
from reactal.store.envelope import canonical, seal, unseal

__all__ = ["Cell", "Column", "Curve", "Findings", "Geometry", "Outcome", "Table", "Validation", "Verdict"]

SCHEMA = 1
Cell = str | float | int | bool | None


class Verdict(StrEnum):
    """Of one goal."""

    MET = "met"
    NOT_MET = "not met"
    NOT_TESTABLE = "not testable"


@final
@dataclass(frozen=True)
class Outcome:
    """One goal and what became of it. `name` is a word for a program, `title` for a person; `goal` is the limit in words, as in
    `at most 3 meV/atom`; `why` is one sentence, for every verdict; `evidence` are further sentences."""

    name: str
    title: str
    value: float | None
    unit: str
    goal: str
    verdict: Verdict
    why: str
    evidence: tuple[str, ...] = ()

    @classmethod
    def judged(cls, name: str, title: str, *, value: float, limit: float, unit: str, why: str, least: bool = False) -> Outcome:
        """Met where the value is at most the limit; with `least`, where it is at least the limit."""
        verdict = Verdict.MET if (value >= limit if least else value <= limit) else Verdict.NOT_MET
        goal = f"at {'least' if least else 'most'} {limit:g}{f' {unit}' if unit else ''}"
        return cls(name, title, value, unit, goal, verdict if math.isfinite(value) else Verdict.NOT_MET, why)

    @classmethod
    def untestable(cls, name: str, title: str, *, goal: str, unit: str, why: str) -> Outcome:
        """Nothing to measure it on; `why` says what was missing."""
        return cls(name, title, None, unit, goal, Verdict.NOT_TESTABLE, why)


@final
@dataclass(frozen=True)
class Column:
    """Of a table. `unit` is empty for words and counts; a `detail` is shown where there is room."""

    name: str
    unit: str = ""
    detail: bool = False


@final
@dataclass(frozen=True)
class Table:
    """Every row has one cell for every column. `chapter` is the part of the validation it belongs to: accuracy, barriers,
    vibrations, dynamics, uncertainty, efficiency."""

    name: str
    chapter: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def column(self, name: str) -> tuple[Cell, ...]:
        """The cells below one heading."""
        place = [column.name for column in self.columns].index(name)
        return tuple(row[place] for row in self.rows)


@final
@dataclass(frozen=True)
class Curve:
    """One line or cloud of a figure: those of the same `figure` belong in one picture. x and y are equally long; `spread`, where
    there is one, is one standard deviation of y. `marks`: single points, not a line. `keys` name the geometry of each point."""

    figure: str
    chapter: str
    title: str
    name: str
    x_axis: Column
    y_axis: Column
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[float, ...] = ()
    marks: bool = False
    keys: tuple[str, ...] = ()


@final
@dataclass(frozen=True)
class Geometry:
    """A structure worth looking at. `kind`: minimum | saddle | worst | path; `facts` are shown beside it, in order; `mode` is a
    displacement (N, 3) in angstrom to animate, such as the reaction coordinate; structures of one `kind` and `group` are images
    of one path, in order."""

    key: str
    name: str
    kind: str
    structure: Structure
    group: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    mode: tuple[tuple[float, float, float], ...] = ()

    def as_json(self) -> dict[str, Any]:
        words = {"key": self.key, "name": self.name, "kind": self.kind, "group": self.group}
        return {**words, "structure": self.structure.as_json(), "facts": _plain(self.facts), "mode": _plain(self.mode)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Geometry:
        x, y, z = 0, 1, 2
        return cls(
            data["key"],
            data["name"],
            data["kind"],
            Structure.from_json(data["structure"]),
            data["group"],
            tuple((name, value) for name, value in data["facts"]),
            tuple((row[x], row[y], row[z]) for row in data["mode"]),
        )


@final
@dataclass(frozen=True, eq=False)
class Findings:
    """What one chapter found; chapters add up."""

    outcomes: tuple[Outcome, ...] = ()
    tables: tuple[Table, ...] = ()
    curves: tuple[Curve, ...] = ()
    geometries: tuple[Geometry, ...] = ()

    def __add__(self, other: Findings) -> Findings:
        return Findings(
            self.outcomes + other.outcomes,
            self.tables + other.tables,
            self.curves + other.curves,
            self.geometries + other.geometries,
        )


@final
@dataclass(frozen=True, eq=False)
class Validation:
    """Everything one validation found. `model` is the model's id or place, `against` what it was held against; `facts` say how
    (theory, code version, dataset), in order. The outcomes stand in the order of their worth."""

    model: str
    against: str
    outcomes: tuple[Outcome, ...] = ()
    tables: tuple[Table, ...] = ()
    curves: tuple[Curve, ...] = ()
    geometries: tuple[Geometry, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, findings: Findings, *, model: str, against: str, facts: Sequence[tuple[str, str]] = ()) -> Validation:
        parts = (findings.outcomes, findings.tables, findings.curves, findings.geometries)
        return cls(model, against, *parts, tuple(facts))

    @property
    def verdict(self) -> Verdict:
        """Not met where any goal is not; met where one is and all others are met or cannot be tested."""
        found = {outcome.verdict for outcome in self.outcomes}
        return next((v for v in (Verdict.NOT_MET, Verdict.MET) if v in found), Verdict.NOT_TESTABLE)

    def outcome(self, name: str) -> Outcome | None:
        return next((outcome for outcome in self.outcomes if outcome.name == name), None)

    def table(self, name: str) -> Table | None:
        return next((table for table in self.tables if table.name == name), None)

    def curves_of(self, figure: str) -> tuple[Curve, ...]:
        return tuple(curve for curve in self.curves if curve.figure == figure)

    @property
    def sha256(self) -> str:
        """Of all that is in it."""
        return hashlib.sha256(canonical(self.as_json())).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back; a number that is not finite becomes null."""
        return {
            "model": self.model,
            "against": self.against,
            "verdict": str(self.verdict),
            "outcomes": [_members(outcome) for outcome in self.outcomes],
            "tables": [{**_members(table), "columns": [_members(c) for c in table.columns]} for table in self.tables],
            "curves": [
                {**_members(curve), "x_axis": _members(curve.x_axis), "y_axis": _members(curve.y_axis)} for curve in self.curves
            ],
            "geometries": [geometry.as_json() for geometry in self.geometries],
            "facts": _plain(self.facts),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Validation:
        return cls(
            data["model"],
            data["against"],
            tuple(_outcome(row) for row in data["outcomes"]),
            tuple(_table(row) for row in data["tables"]),
            tuple(_curve(row) for row in data["curves"]),
            tuple(Geometry.from_json(row) for row in data["geometries"]),
            tuple((name, value) for name, value in data["facts"]),
        )

    def sealed(self) -> bytes:
        """For a store: with the schema's version and the hash of it all."""
        return seal(self.as_json(), schema=SCHEMA)

    @classmethod
    def unsealed(cls, data: bytes, *, where: str) -> Validation:
        """What `sealed` wrote; `DamagedObject` naming `where` if it is not."""
        return cls.from_json(unseal(data, schema=SCHEMA, where=where))


def _members(value: Any) -> dict[str, Any]:
    return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, StrEnum) else value


def _numbers(values: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if value is None else float(value) for value in values)


def _outcome(row: Mapping[str, Any]) -> Outcome:
    return Outcome(**{**row, "verdict": Verdict(row["verdict"]), "evidence": tuple(row["evidence"])})


def _table(row: Mapping[str, Any]) -> Table:
    columns = tuple(Column(**column) for column in row["columns"])
    return Table(**{**row, "columns": columns, "rows": tuple(tuple(cells) for cells in row["rows"])})


def _curve(row: Mapping[str, Any]) -> Curve:
    axes = {axis: Column(**row[axis]) for axis in ("x_axis", "y_axis")}
    numbers = {name: _numbers(row[name]) for name in ("x", "y", "spread")}
    return Curve(**{**row, **axes, **numbers, "keys": tuple(row["keys"])})
