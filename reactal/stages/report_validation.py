"""What validations found, as a report shows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reactal.campaign.state import CampaignState
from reactal.report.shown import Chart, Exhibit, Goal, Line, Table
from reactal.stages.bench import Bench
from reactal.stages.report_structures import Album
from reactal.validation.base import Column, Curve, Geometry, Outcome, Validation
from reactal.validation.base import Table as Found
from reactal.validation.digits import texts, written
from reactal.validation.kept import ValidationStore

__all__ = ["charts", "exhibits", "goals", "tables", "validations"]

SENTENCES = 4  # of evidence beside a goal; all are in the validation's own file
SHOWN_ALREADY = ("minimum", "saddle")  # of the campaign itself: they are its stationary points
_KINDS = {"minimum": "Validated minima", "saddle": "Validated saddles", "worst": "Worst validated", "path": "Validated paths"}


def validations(bench: Bench, state: CampaignState) -> tuple[Validation, ...]:
    """The newest of each kind for the newest model."""
    return () if state.trained is None else ValidationStore(bench.objects, bench.config.name).of(state.trained.model)


def goals(found: Sequence[Validation]) -> tuple[Goal, ...]:
    """In the order of their worth."""
    return tuple(
        Goal(
            one.title,
            _value(one),
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
            kept = [place for place in range(len(table.columns)) if any(row[place] is not None for row in table.rows)]
            heads = tuple(_head(table.columns[place]) for place in kept)
            out.append(Table(f"{_titled(table.chapter, table.title)}{held}", heads, _rows(table, kept), table.note))
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
            if one.kind in SHOWN_ALREADY and not one.group and not one.mode:
                continue
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


def _value(one: Outcome) -> str:
    (number,) = written(Column("", one.unit), [one.value])
    return _minus(f"{number} {one.unit}".strip()) if one.value is not None else number


def _rows(table: Found, kept: Sequence[int]) -> tuple[tuple[str, ...], ...]:
    """Numbers with a true minus."""
    rows = zip(table.rows, texts(table), strict=True)
    return tuple(tuple(text[i] if isinstance(row[i], str) else _minus(text[i]) for i in kept) for row, text in rows)


def _minus(number: str) -> str:
    return number.replace("-", "−")
