"""What is compared: everything that decides the numbers of a chain, and by whose hash its rounds are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, final

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.store.shards import rows_digest
from reactal.training.settings import TrainingSettings

__all__ = ["Budget", "Plan"]


@final
@dataclass(frozen=True)
class Budget:
    """Labels: `start` of them by lot, then `rounds` times `batch` by the strategy."""

    start: int
    batch: int
    rounds: int

    @property
    def labels(self) -> int:
        return self.start + self.rounds * self.batch

    def check(self, pool: int) -> None:
        """`InputError` where a pool of so many labelled structures has not enough."""
        if min(self.start, self.batch, self.rounds) < 1:
            raise InputError(f"a comparison needs a start, a batch and a round of one at least, not {self}")
        if pool < self.start + self.batch:
            raise InputError(
                f"the pool has {pool} labelled structures, fewer than a start of {self.start} and one batch of {self.batch}; "
                "give a larger pool, or a smaller --start and --batch"
            )
        if pool < self.labels:
            fit = (pool - self.start) // self.batch
            raise InputError(
                f"the pool has {pool} labelled structures, and {self.rounds} rounds need {self.labels}; "
                f"write --rounds {fit}, which is the most that it holds"
            )


@final
@dataclass(frozen=True)
class Plan:
    """`candidates`: how many structures of the pool, by lot, a strategy is shown each round; 0: all that are left.
    `scratch`: every round is trained from scratch, not on from the last."""

    budget: Budget
    settings: TrainingSettings
    members: int
    candidates: int = 0
    scratch: bool = False

    @property
    def networks(self) -> int:
        """How many are trained: one for every member, or one with as many heads."""
        return 1 if self.settings.architecture.heads > 1 else self.members

    def digest(self, pool: Frames, test: Frames) -> str:
        """Of what decides a round's numbers: neither strategies nor seeds, more of which can be added later."""
        plain = TrainingSettings()
        settings = replace(self.settings, checkpoint_steps=0, threads=1, device=plain.device)
        parts = {
            "version": 1,
            "pool": rows_digest(pool, 0, len(pool)),
            "test": rows_digest(test, 0, len(test)),
            "start": self.budget.start,
            "batch": self.budget.batch,
            "rounds": self.budget.rounds,  # a schedule goes by what is spent of the budget
            "members": self.members,
            "candidates": self.candidates,
            "scratch": self.scratch,
            # what differs from the defaults: settings that come later change no comparison under way
            "settings": {
                one.name: repr(value)
                for one in fields(TrainingSettings)
                if (value := getattr(settings, one.name)) != getattr(plain, one.name)
            },
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    def told(self) -> Mapping[str, Any]:
        """For the tracker and the reader."""
        model, rule = self.settings.architecture, self.settings
        return {
            "start": self.budget.start,
            "batch": self.budget.batch,
            "rounds": self.budget.rounds,
            "candidates": self.candidates or "all",
            "scratch": self.scratch,
            "model": model.kind,
            "features": model.features,
            "interactions": model.interactions,
            "cutoff": model.cutoff,
            "members": self.members,
            "steps_first": rule.steps_first,
            "steps_warm": rule.steps_warm,
            "baseline": "none" if rule.baseline is None else rule.baseline.method,
        }
