"""Numbers and times as people write them."""

from __future__ import annotations

import pytest

from reactal.report.wording import duration, number, percent, sentence


@pytest.mark.parametrize(
    ("value", "digits", "sign", "text"),
    [
        (None, 2, False, "–"),
        (float("nan"), 2, False, "–"),
        (-0.004, 2, True, "0.00"),
        (-1.5, 1, False, "−1.5"),
        (0.05, 2, True, "+0.05"),
        (13.824, 2, False, "13.82"),
    ],
)
def test_number(value: float | None, digits: int, sign: bool, text: str) -> None:
    assert number(value, digits, sign=sign) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0.4, "0 s"), (59.6, "1 min 0 s"), (208, "3 min 28 s"), (7500, "2 h 5 min")]
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_percent() -> None:
    assert (percent(0.9), percent(None)) == ("90 %", "–")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("lies -0.00 kcal/mol from the reference's", "lies 0.00 kcal/mol from the reference's"),
        ("a difference of +0.05, force 0.006 eV/angstrom", "a difference of +0.05, force 0.006 eV/Å"),
        ("charge -1, -0.04 and +0", "charge −1, −0.04 and 0"),
        ("on 2026-11-22 with 6-31g*, 1e-05 and <b>", "on 2026-11-22 with 6-31g*, 1e-05 and <b>"),
    ],
)
def test_sentences_of_the_journal_are_written_as_the_page_writes(written: str, shown: str) -> None:
    assert sentence(written) == shown
