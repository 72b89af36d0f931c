"""A weight that changes as a campaign goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final, get_args

from reactal.errors import ConfigError
from reactal.selection.base import Round

__all__ = ["Kind", "Schedule"]

Kind = Literal["constant", "linear", "adaptive"]

LEAST_YIELD = 0.05  # a round that lowers the error by less has not paid
STEP = 0.25  # of the way from start to end, for each round that has not


@final
@dataclass(frozen=True)
class Schedule:
    """From `start` to `end`: `constant` stays at the start, `linear` follows the budget that is spent, `adaptive` goes a step
    towards the end after each round that has not paid, and a step back after each that has."""

    start: float
    end: float
    kind: Kind = "constant"

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ConfigError(f"a schedule is one of {', '.join(get_args(Kind))}, not {self.kind}")

    def at(self, now: Round) -> float:
        """The weight in this round."""
        if self.kind == "constant":
            return self.start
        if self.kind == "linear":
            return self.start + (self.end - self.start) * min(max(now.spent, 0.0), 1.0)
        way = 0.0
        for gain in now.yields:
            way = min(max(way + (STEP if gain < LEAST_YIELD else -STEP), 0.0), 1.0)
        return self.start + (self.end - self.start) * way
