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
from reactal.selection.choosers import Farthest, Mixed, Top
from reactal.selection.clusters import KMeans, LargestCluster
from reactal.selection.costs import affordable, per_core_second
from reactal.selection.doubt import Disagreement, Entropy, Lot, Variance
from reactal.selection.dpp import Determinantal
from reactal.selection.goals import ConfidenceBound, ExpectedImprovement, Thompson
from reactal.selection.information import BatchDisagreement, Informative, LastLayerInformation
from reactal.selection.leverage import Cur, Leverage
from reactal.selection.novelty import Novelty
from reactal.selection.transition import TransitionRegion

__all__ = ["ACQUISITIONS", "CHOOSERS", "STRATEGIES", "Strategy", "acquisition_named", "chooser_named", "strategy_named"]

Rows = NDArray[np.int64]

ACQUISITIONS: Mapping[str, type[Any]] = {
    "random": Lot,
    "disagreement": Disagreement,
    "variance": Variance,
    "entropy": Entropy,
    "ucb": ConfidenceBound,
    "ei": ExpectedImprovement,
    "thompson": Thompson,
    "doptimal": Informative,
    "leverage": Leverage,
    "novelty": Novelty,
    "transition": TransitionRegion,
}
CHOOSERS: Mapping[str, type[Any]] = {
    "top": Top,
    "farthest": Farthest,
    "mixed": Mixed,
    "kdpp": Determinantal,
    "kmeans": KMeans,
    "lcmd": LargestCluster,
    "cur": Cur,
    "information": LastLayerInformation,
    "batchbald": BatchDisagreement,
}
STRATEGIES: Mapping[str, tuple[str, Mapping[str, Any]]] = {  # name -> acquisition+chooser, and settings
    **{name: (f"{name}+top", {}) for name in ACQUISITIONS},
    "default": ("disagreement+farthest", {}),
    "farthest": ("random+farthest", {"shortlist": 0}),
    "mixed": ("disagreement+mixed", {}),
    "kdpp": ("disagreement+kdpp", {}),
    "kmeans": ("disagreement+kmeans", {}),
    "lcmd": ("disagreement+lcmd", {}),
    "cur": ("disagreement+cur", {}),
    "information": ("random+information", {}),
    "batchbald": ("random+batchbald", {}),
}
OF_STRATEGY = ("per_cost", "budget")


@final
@dataclass(frozen=True)
class Strategy:
    """Scores first, then a batch by them. With `per_cost` worth counts per core-second; with a `budget` the labels of a batch
    take no more core-seconds than that."""

    name: str
    acquisition: Acquisition
    chooser: BatchChooser
    per_cost: bool = False
    budget: float | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns of `Candidates` without which `pick` refuses."""
        cost = ("cost",) if self.per_cost or self.budget is not None else ()
        return tuple(dict.fromkeys((*self.acquisition.needs, *self.chooser.needs, *cost)))

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
        if self.per_cost and usable.cost is not None:
            scores = per_core_second(scores, usable.cost)
        chosen = self.chooser.choose(usable, scores=scores, count=count, known=known, rng=rng)
        if self.budget is not None and usable.cost is not None:
            chosen = affordable(chosen, usable.cost, budget=self.budget)
        return rows[chosen]


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
    text, usual = STRATEGIES.get(name, (name, {}))
    acquisition, plus, chooser = text.partition("+")
    if not plus and acquisition not in ACQUISITIONS:
        raise _unknown(name, "strategy", (*STRATEGIES, *ACQUISITIONS))
    first, second = _known(ACQUISITIONS, acquisition, "acquisition"), _known(CHOOSERS, chooser or "top", "way to choose a batch")
    kinds, settings = (first, second), {**usual, **settings}
    of_first, of_second = ({key: value for key, value in settings.items() if key in _fields(kind)} for kind in kinds)
    of_both = {key: value for key, value in settings.items() if key in OF_STRATEGY}
    stray = sorted(set(settings) - set(of_first) - set(of_second) - set(of_both))
    if stray:
        known = _listed((*_fields(first), *_fields(second), *OF_STRATEGY))
        raise ConfigError(f"strategy {name} has no setting {stray[0]}; it knows {known}")
    if of_both.get("budget") is not None:
        _check_kind(of_both["budget"], 1.0, where=f"{name}: budget")
    _check_kind(of_both.get("per_cost", False), False, where=f"{name}: per_cost")
    return Strategy(name, acquisition_named(acquisition, **of_first), chooser_named(chooser or "top", **of_second), **of_both)


def _made(table: Mapping[str, Callable[..., Any]], name: str, what: str, settings: Mapping[str, Any]) -> Any:
    kind = _known(table, name, what)
    stray = sorted(set(settings) - set(_fields(kind)))
    if stray:
        raise ConfigError(f"{what} {name} has no setting {stray[0]}; it knows {_listed(_fields(kind))}")
    for field in fields(kind):
        _check_kind(settings.get(field.name, field.default), field.default, where=f"{name}: {field.name}")
    return kind(**settings)


def _check_kind(value: Any, usual: Any, *, where: str) -> None:
    """Of the kind of its default; a whole number is a number."""
    right = (int, float) if isinstance(usual, float) else type(usual)
    if not isinstance(value, right) or isinstance(value, bool) is not isinstance(usual, bool):
        word = {bool: "true or false", int: "a whole number", float: "a number"}.get(type(usual), "a word")
        raise ConfigError(f"{where} must be {word}, not {value!r}")


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
