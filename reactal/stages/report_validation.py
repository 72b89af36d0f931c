"""What validations found, as a report shows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reactal.campaign.state import CampaignState
from reactal.report.shown import Chart, Exhibit, Goal, Line, Table
from reactal.report.wording import MISSING, number
from reactal.stages.bench import Bench
from reactal.stages.report_structures import Album
from reactal.validation.base import Cell, Column, Curve, Geometry, Validation
from reactal.validation.kept import ValidationStore

__all__ = ["charts", "exhibits", "goals", "tables", "validations"]

SENTENCES = 4  # of evidence beside a goal; all are in the validation's own file
_KINDS = {"minimum": "Validated minima", "saddle": "Validated saddles", "worst": "Worst validated", "path": "Validated paths"}


def validations(bench: Bench, state: CampaignState) -> tuple[Validation, ...]:
    """The newest of each kind for the newest model."""
    return () if state.trained is None else ValidationStore(bench.objects, bench.config.name).of(state.trained.model)


def goals(found: Sequence[Validation]) -> tuple[Goal, ...]:
    """In the order of their worth."""
    return tuple(
        Goal(
            one.title,
            f"{_figures(one.value)}{f' {one.unit}' if one.unit and one.value is not None else ''}",
            one.goal,
            str(one.verdict),
            "; ".join((one.why, *one.evidence[:SENTENCES])),
        )
        for validation in found
        for one in validation.outcomes
    )


def tables(found: Sequence[Validation]) -> tuple[Table, ...]:
    """Every table, with what it was held against where there is more than one validation."""
    out = []
    for validation in found:
        held = f" (against {validation.against})" if len(found) > 1 else ""
        for table in validation.tables:
            rows = tuple(tuple(_figures(cell) for cell in row) for row in table.rows)
            heads = tuple(_head(column) for column in table.columns)
            out.append(Table(f"{_titled(table.chapter, table.title)}{held}", heads, rows, table.note))
    return tuple(out)


def charts(found: Sequence[Validation], album: Album) -> tuple[Chart, ...]:
    """All curves of one figure in one picture; their points are linked to the structures that `exhibits` has placed."""
    out = []
    for validation in found:
        for figure in dict.fromkeys(curve.figure for curve in validation.curves):
            curves = validation.curves_of(figure)
            lines = tuple(Line(c.name, c.x, c.y, c.spread, c.marks, _known(c, album)) for c in curves)
            title = _titled(curves[0].chapter, curves[0].title)
            out.append(Chart(figure, title, _head(curves[0].x_axis), _head(curves[0].y_axis), lines))
    return tuple(out)


def exhibits(found: Sequence[Validation], album: Album) -> tuple[Exhibit, ...]:
    """Stationary points with their modes, paths image by image, and what was predicted worst."""
    out: list[Exhibit] = []
    for validation in found:
        paths: dict[str, list[int]] = {}
        for one in validation.geometries:
            place = album.place(one.structure, one.name, note=_facts(one), key=one.key)
            if one.kind == "path":
                paths.setdefault(one.group or one.name, []).append(place)
                continue
            moves = album.turned(np.asarray(one.mode), one.structure).reshape(-1) if one.mode else np.zeros(0)
            out.append(
                Exhibit(_KINDS.get(one.kind, one.kind), one.name, (place,), _facts(one), tuple(np.round(moves, 5).tolist()))
            )
        out += [Exhibit(_KINDS["path"], group, tuple(frames)) for group, frames in paths.items()]
    return tuple(out)


def _titled(chapter: str, title: str) -> str:
    """After its chapter, which a title may name itself."""
    return title if title.lower().startswith(chapter) else f"{chapter.capitalize()}: {title}"


def _known(curve: Curve, album: Album) -> tuple[int, ...]:
    return tuple(album.known(key) for key in curve.keys) if len(curve.keys) == len(curve.x) else ()


def _facts(one: Geometry) -> str:
    return ", ".join(f"{name} {value}" for name, value in one.facts)


def _head(column: Column) -> str:
    return f"{column.name} ({column.unit})" if column.unit else column.name


def _figures(cell: Cell) -> str:
    """Three figures that count; words as they are."""
    if cell is None:
        return MISSING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str | int):
        return str(cell)
    size = abs(cell)
    if not np.isfinite(cell):
        return MISSING
    if size and (size < 1e-3 or size >= 1e6):
        return f"{cell:.2e}".replace("-", "−")
    return number(cell, 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3)
