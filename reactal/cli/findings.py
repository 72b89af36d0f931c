"""A validation in the terminal: the verdict first, then table by table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

    from reactal.validation.base import Cell, Column, Outcome, Table, Validation

__all__ = ["findings", "shown"]

_COLOURS = {"met": "green", "not met": "red", "not testable": "yellow"}
WIDEST = 7  # columns beside each other; a table of more is turned on its side if it has few rows
FEW_ROWS = 3
MOST_ROWS = 24
SHOWN_EVIDENCE = 3  # sentences; all are in --json
INDENT = " " * 14


def findings(validation: Validation, *, width: int) -> RenderableType:
    """All of it, its sentences folded to `width` characters."""
    from rich.console import Group
    from rich.text import Text

    verdict = str(validation.verdict)
    heading = Text.assemble(
        (f" goals {verdict} ", f"bold reverse {_COLOURS[verdict]}"),
        "  ",
        (validation.model[:60], "bold"),
        "  against ",
        validation.against,
    )
    parts: list[RenderableType] = ["", heading, _goals(validation.outcomes, width)]
    for table in validation.tables:
        if table.rows:
            parts += ["", Text(table.title, "bold"), _grid(table)]
            parts += [Text(table.note, "dim")] if table.note else []
    return Group(*parts, "")


def _goals(outcomes: tuple[Outcome, ...], width: int) -> RenderableType:
    """Each with its reason on the lines below."""
    from rich.console import Group
    from rich.text import Text

    lines: list[RenderableType] = []
    for outcome in outcomes:
        value = "" if outcome.value is None else f"{shown(outcome.value)} {outcome.unit}".strip()
        verdict = str(outcome.verdict)
        line = Text.assemble((f"{verdict:<14}", _COLOURS[verdict]), (f"{outcome.title:<22}", "bold"), f"{value:<18}")
        lines.append(line.append(f"asked: {outcome.goal}" if outcome.goal else ""))
        because = "; ".join((outcome.why, *outcome.evidence[:SHOWN_EVIDENCE]))
        lines.append(Text(fill(because, max(width, 60), initial_indent=INDENT, subsequent_indent=INDENT), "dim"))
    return Group(*lines)


def _grid(table: Table) -> RenderableType:
    from rich.table import Table as Grid
    from rich.text import Text

    kept = [place for place in range(len(table.columns)) if any(row[place] is not None for row in table.rows)]
    if len(kept) > WIDEST and len(table.rows) <= FEW_ROWS:
        return _on_its_side(table, kept)
    if len(kept) > WIDEST:
        kept = [place for place in kept if not table.columns[place].detail]
    grid = Grid(box=None, pad_edge=False, header_style="dim")
    for place in kept:
        words = any(isinstance(row[place], str) for row in table.rows)
        grid.add_column(_heading(table.columns[place]), justify="left" if words else "right")
    for row in table.rows[:MOST_ROWS]:
        grid.add_row(*(Text(shown(row[place])) for place in kept))
    if len(table.rows) > MOST_ROWS:
        grid.add_row(Text(f"and {len(table.rows) - MOST_ROWS} more with --json", "dim"))
    return grid


def _on_its_side(table: Table, kept: list[int]) -> RenderableType:
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, pad_edge=False, show_header=False)
    grid.add_column(style="dim")
    for place in kept:
        grid.add_row(_heading(table.columns[place], " "), *(Text(text) for text in _cells(table, place)))
    return grid


def _cells(table: Table, place: int) -> Iterator[str]:
    return (shown(row[place]) for row in table.rows)


def _heading(column: Column, between: str = "\n") -> str:
    return f"{column.name}{between}{column.unit}" if column.unit else column.name


def shown(cell: Cell) -> str:
    """For people: four digits, a dash where there is nothing."""
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return "–"
        if cell and (abs(cell) >= 1e5 or abs(cell) < 1e-3):
            return f"{cell:.2e}"
        return f"{cell:.4g}" if abs(cell) < 1000 else f"{cell:.0f}"
    return str(cell)
