"""Numbers and outcomes in words."""

from __future__ import annotations

import math
import re

from reactal.report.data import ReportData

__all__ = ["MISSING", "duration", "headline", "money", "number", "percent", "sentence"]

MISSING = "–"


def number(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """With a true minus; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    if float(text) == 0.0:
        text = text.lstrip("+-")  # minus zero says nothing
    return text.replace("-", "−")


def sentence(text: str) -> str:
    """What was written for the journal, as the page writes it: no sign before nothing, a true minus, units as in its tables."""
    text = re.sub(r"(?<![\w.])[-+](0(?:\.0+)?)(?![.\d])", r"\1", text)
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text).replace("eV/angstrom", "eV/Å")


def percent(value: float | None) -> str:
    return MISSING if value is None or not math.isfinite(value) else f"{100 * value:.0f} %"


def duration(seconds: float | None) -> str:
    """Two units at most: 48 s, 3 min 40 s, 2 h 5 min."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def money(value: float | None) -> str:
    """In the currency of the price table; small sums keep two figures that count."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.2g}"


def headline(data: ReportData) -> str:
    """The verdict in one sentence."""
    barrier = next((row for row in data.barriers if row.model_kcal is not None), None)
    height = "" if barrier is None else f" of {number(barrier.model_kcal, 1)} kcal/mol"
    return {
        "verified": f"Verified: {data.theory} agrees with the barrier{height}, and that its saddle is one.",
        "stepwise": "Stepwise: an intermediate lies between reactant and product, so there is no single barrier.",
        "unstable_reference": f"Unstable reference: at the saddle a broken-symmetry solution lies below {data.theory}.",
        "second_order": "Second order: the only stationary point found has two negative modes; it is no saddle.",
        "budget_spent": f"Budget spent: the barrier{height} is not verified.",
        "halted": "Halted: the campaign stopped itself; see why below.",
        "running": "Under way: no verdict yet.",
        "waiting": "A person has to approve what it would spend next.",
    }.get(data.outcome, data.outcome)
