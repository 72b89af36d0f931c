"""Strategies by name: what makes a candidate worth a label, and which ones belong into one batch."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import ConfigError
from reactal.selection.base import Acquisition, BatchChooser, Candidates, Known, Round
from reactal.selection.choosers import Farthest, Top
from reactal.selection.doubt import Disagreement, Lot

__all__ = ["ACQUISITIONS", "CHOOSERS", "STRATEGIES", "Strategy", "acquisition_named", "chooser_named", "strategy_named"]

Rows = NDArray[np.int64]

ACQUISITIONS: Mapping[str, type[Any]] = {
    "random": Lot,
    "disagreement": Disagreement,
}
CHOOSERS: Mapping[str, type[Any]] = {
    "top": Top,
    "farthest": Farthest,
}
STRATEGIES: Mapping[str, str] = {  # name -> acquisition+chooser
    "random": "random+top",
    "disagreement": "disagreement+top",
    "farthest": "random+farthest",
    "default": "disagreement+farthest",
}


@final
@dataclass(frozen=True)
class Strategy:
    """Scores first, then a batch by them."""

    name: str
    acquisition: Acquisition
    chooser: BatchChooser

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns of `Candidates` without which `pick` refuses."""
        return tuple(dict.fromkeys((*self.acquisition.needs, *self.chooser.needs)))

    def pick(
        self, candidates: Candidates, count: int, *, rng: np.random.Generator, known: Known | None = None, at: Round | None = None
    ) -> Rows:
        """At most `count` rows, in the order of choosing; rows with a number that is not finite are passed over."""
        candidates.require(self.needs, asked_by=f"strategy {self.name}")
        rows = np.flatnonzero(candidates.usable())
        usable = candidates if len(rows) == len(candidates) else candidates[rows]
        known = Known() if known is None else known
        if not len(rows) or count < 1:
            return np.zeros(0, dtype=np.int64)
        scores = self.acquisition.scores(usable, known=known, at=at or Round(), rng=rng)
        return rows[self.chooser.choose(usable, scores=scores, count=count, known=known, rng=rng)]


def acquisition_named(name: str, **settings: Any) -> Acquisition:
    """One of ACQUISITIONS; `settings` are its fields, what is not given keeps its default."""
    made: Acquisition = _made(ACQUISITIONS, name, "acquisition", settings)
    return made


def chooser_named(name: str, **settings: Any) -> BatchChooser:
    """One of CHOOSERS, likewise."""
    made: BatchChooser = _made(CHOOSERS, name, "way to choose a batch", settings)
    return made


def strategy_named(name: str, **settings: Any) -> Strategy:
    """One of STRATEGIES, an acquisition alone (its best ones are the batch), or `acquisition+chooser`. A setting goes to
    whichever of the two knows it."""
    acquisition, plus, chooser = STRATEGIES.get(name, name).partition("+")
    if not plus and acquisition not in ACQUISITIONS:
        raise _unknown(name, "strategy", (*STRATEGIES, *ACQUISITIONS))
    first, second = _known(ACQUISITIONS, acquisition, "acquisition"), _known(CHOOSERS, chooser or "top", "way to choose a batch")
    of_first, of_second = ({key: value for key, value in settings.items() if key in _fields(kind)} for kind in (first, second))
    stray = set(settings) - set(of_first) - set(of_second)
    if stray:
        raise ConfigError(
            f"strategy {name} has no setting {sorted(stray)[0]}; it knows {_listed((*_fields(first), *_fields(second)))}"
        )
    return Strategy(name, acquisition_named(acquisition, **of_first), chooser_named(chooser or "top", **of_second))


def _made(table: Mapping[str, Callable[..., Any]], name: str, what: str, settings: Mapping[str, Any]) -> Any:
    kind = _known(table, name, what)
    stray = sorted(set(settings) - set(_fields(kind)))
    if stray:
        raise ConfigError(f"{what} {name} has no setting {stray[0]}; it knows {_listed(_fields(kind))}")
    return kind(**settings)


def _known(table: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise _unknown(name, what, tuple(table))
    return table[name]


def _unknown(name: str, what: str, among: tuple[str, ...]) -> ConfigError:
    near = difflib.get_close_matches(name, among, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {_listed(among)}"
    return ConfigError(f"there is no {what} {name}; {hint}")


def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.init)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(dict.fromkeys(names)) or "none"
