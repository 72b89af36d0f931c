"""A validation in the terminal: the verdict first, then table by table."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

    from reactal.validation.base import Column, Outcome, Table, Validation

    Cells = Sequence[Sequence[str]]

__all__ = ["findings"]

_COLOURS = {"met": "green", "not met": "red", "not testable": "yellow"}
FEW_ROWS = 3  # a table of as many is turned on its side where it is too wide
MOST_ROWS = 40
NARROWEST = 60  # characters that a line is folded to at least
GAP = 2  # characters between two columns
WORDS = 24  # characters that a column of words may be narrowed to
SHOWN_EVIDENCE = 4  # sentences; all are in --json
INDENT = " " * 14
LENGTH_OF_ID = 64  # of a model: a hash


def findings(validation: Validation, *, width: int) -> RenderableType:
    """All of it, its sentences folded to `width` characters."""
    from rich.console import Group
    from rich.text import Text

    verdict = str(validation.verdict)
    heading = Text.assemble(
        (f" goals {verdict} ", f"bold reverse {_COLOURS[verdict]}"),
        "  ",
        (_called(validation), "bold"),
        "  against ",
        validation.against,
    )
    parts: list[RenderableType] = ["", heading, _goals(validation.outcomes, width)]
    chapter = ""
    for table in sorted((table for table in validation.tables if table.rows), key=lambda table: _order(validation, table)):
        if table.chapter != chapter:
            chapter = table.chapter
            parts += ["", Text(chapter.upper(), "bold cyan")]
        parts += ["", Text(table.title, "bold"), _grid(table, width)]
        parts += [Text(fill(table.note, max(width, NARROWEST)), "dim")] if table.note else []
    return Group(*parts, "")


def _called(validation: Validation) -> str:
    """Of an id what tells it from others, with its campaign."""
    model, campaign = validation.model, dict(validation.facts).get("campaign")
    if len(model) == LENGTH_OF_ID and set(model) <= set("0123456789abcdef"):
        model = f"model {model[:12]}"
    return f"{campaign}, {model}" if campaign else model[:60]


def _order(validation: Validation, table: Table) -> int:
    """Chapter by chapter, in the order in which they first come."""
    return [one.chapter for one in validation.tables].index(table.chapter)


def _goals(outcomes: tuple[Outcome, ...], width: int) -> RenderableType:
    """Each with its reason on the lines below."""
    from rich.console import Group
    from rich.text import Text

    from reactal.validation.base import Column
    from reactal.validation.digits import written

    lines: list[RenderableType] = []
    for outcome in outcomes:
        (number,) = written(Column("", outcome.unit), [outcome.value])
        value = "" if outcome.value is None else f"{number} {outcome.unit}".strip()
        verdict = str(outcome.verdict)
        line = Text.assemble((f"{verdict:<14}", _COLOURS[verdict]), (f"{outcome.title:<22}", "bold"), f"{value:<18}")
        asked = f"asked: {outcome.goal}" if outcome.goal else ""
        beside = len(line) + len(asked) <= width
        lines.append(line.append(asked) if beside else line)
        because = "; ".join((*([] if beside else [asked]), outcome.why, *outcome.evidence[:SHOWN_EVIDENCE]))
        lines.append(Text(fill(because, max(width, NARROWEST), initial_indent=INDENT, subsequent_indent=INDENT), "dim"))
    return Group(*lines)


def _grid(table: Table, width: int) -> RenderableType:
    from rich.table import Table as Grid
    from rich.text import Text

    from reactal.validation.digits import texts

    cells = texts(table)
    kept = [place for place in range(len(table.columns)) if any(row[place] is not None for row in table.rows)]
    if _needs(table, cells, kept) > width and len(table.rows) <= FEW_ROWS:
        return _on_its_side(table, cells, kept)
    while _needs(table, cells, kept) > width and (details := [place for place in kept if table.columns[place].detail]):
        kept.remove(details[-1])
    grid = Grid(box=None, pad_edge=False, header_style="dim")
    for place in kept:
        words = any(isinstance(row[place], str) for row in table.rows)
        least = _least(table, cells, place)
        grid.add_column(_heading(table.columns[place], least), justify="left" if words else "right", min_width=least)
    for row in cells[:MOST_ROWS]:
        grid.add_row(*(Text(row[place]) for place in kept))
    if len(table.rows) > MOST_ROWS:
        grid.add_row(Text(f"and {len(table.rows) - MOST_ROWS} more with --json", "dim"))
    return grid


def _needs(table: Table, cells: Cells, kept: list[int]) -> int:
    """Characters across, with headings folded between their words."""
    return sum(_least(table, cells, place) for place in kept) + GAP * (len(kept) - 1)


def _least(table: Table, cells: Cells, place: int) -> int:
    """Characters of a column whose numbers and words of the heading stay whole; long sentences may be folded."""
    head = max(len(word) for word in (*table.columns[place].name.split(), table.columns[place].unit))
    pairs = ((row[place], text[place]) for row, text in zip(table.rows, cells, strict=True))
    return max(head, *(min(len(text), WORDS) if isinstance(cell, str) else len(text) for cell, text in pairs))


def _on_its_side(table: Table, cells: Cells, kept: list[int]) -> RenderableType:
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, pad_edge=False, show_header=False)
    grid.add_column(style="dim")
    for place in kept:
        column = table.columns[place]
        grid.add_row(f"{column.name} {column.unit}".strip(), *(Text(row[place]) for row in cells))
    return grid


def _heading(column: Column, width: int) -> str:
    """Folded, with its unit on a line of its own."""
    name = fill(column.name, width, break_long_words=False)
    return f"{name}\n{column.unit}" if column.unit else name
