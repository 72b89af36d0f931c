"""Tables of a validation are read on terminals of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from reactal.cli.findings import MOST_ROWS, findings
from reactal.validation.base import Column, Outcome, Table, Validation, Verdict

UNITS = tuple(Column(f"quantity {name}", "kcal/mol", detail=i > 2) for i, name in enumerate("abcdefghij"))
LONG = "a sentence of many words that says why this reaction has come to nothing at all in the end"


def rows(count: int) -> tuple[tuple[str | float, ...], ...]:
    return tuple((f"reaction {i}", *(1000.0 / (k + 1) for k in range(len(UNITS))), LONG) for i in range(count))


def printed(*tables: Table, width: int) -> list[str]:
    outcome = Outcome("stability", "Dynamics", 1.0, "", "at least 90% of runs last 500 fs", Verdict.MET, LONG, (LONG,))
    found = Validation("m" * 64, "its campaign", (outcome,), tables)
    console = Console(width=width, record=True, file=io.StringIO(), soft_wrap=True)
    console.print(findings(found, width=width))
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_nothing_is_cut_or_runs_over_the_edge(width: int, count: int) -> None:
    table = Table("t", "barriers", "Barriers", (Column("reaction"), *UNITS, Column("found")), rows(count), LONG + " " + LONG)
    lines = printed(table, width=width)
    assert max(len(line.rstrip()) for line in lines[2:]) <= width
    text = " ".join(" ".join(lines).split())
    assert "…" not in text and "asked: at least 90% of runs last 500 fs" in text
    assert "kcal/mol" in text and "333.3" in text, "units and numbers are whole"
    assert all(word in text for word in LONG.split())


def test_a_wide_terminal_shows_more_columns_than_a_narrow_one() -> None:
    table = Table("t", "barriers", "Barriers", (Column("reaction"), *UNITS), tuple(row[:-1] for row in rows(5)))
    shares = [sum(line.count("kcal/mol") for line in printed(table, width=width)) for width in (60, 100, 200)]
    assert shares[0] < shares[1] < shares[2] == len(UNITS)


def test_chapters_stand_together_and_long_tables_end_with_a_word() -> None:
    one = Column("value"), Column("of")
    many = Table("a", "accuracy", "First", one, tuple((i, "x") for i in range(MOST_ROWS + 3)))
    lines = printed(
        many, Table("b", "dynamics", "Second", one, ((1, "y"),)), Table("c", "accuracy", "Third", one, ((2, "z"),)), width=80
    )
    places = [
        next(i for i, line in enumerate(lines) if line.strip() == word)
        for word in ("ACCURACY", "First", "Third", "DYNAMICS", "Second")
    ]
    assert places == sorted(places)
    assert any(line.startswith("and 3 more") for line in lines)


def test_a_model_s_id_is_told_in_short_and_with_its_campaign() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    for model, facts in (("0a" * 32, (("campaign", "sn2"),)), ("0a" * 32, ()), ("models/mine", ())):
        console.print(findings(Validation(model, "x.xyz", facts=facts), width=120))
    text = console.export_text()
    assert "sn2, model 0a0a0a0a0a0a  against x.xyz" in text and " model 0a0a0a0a0a0a  against" in text
    assert "models/mine  against" in text and "0a" * 7 not in text
