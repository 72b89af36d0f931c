"""The legs of a stepwise reaction: each a campaign of its own between neighbouring minima, beside the whole one in its store.

What they came to is read from their journals, so that the whole reaction's summary always says how they stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from reactal.campaign.budget import remaining
from reactal.campaign.events import Outcome, parse_event
from reactal.campaign.state import CampaignState, fold
from reactal.config import CampaignConfig
from reactal.stages.bench import Bench
from reactal.store.journal import Journal

__all__ = ["LEGS", "leg_config", "leg_name", "legs_so_far", "profile", "split_at"]

LEGS = (1, 2)
"""From the reactant to the intermediate, and from there to the product. A leg that is stepwise itself has legs again."""
DEEPEST = 2  # legs of legs


def leg_name(campaign: str, number: int) -> str:
    return f"{campaign}-leg-{number}"


def split_at(state: CampaignState) -> str | None:
    """The key of the intermediate by which the reaction was called stepwise."""
    if state.outcome is not Outcome.STEPWISE or not state.probes:
        return None
    through = state.explorations[-1].through if state.explorations else None
    relaxed = [probe.key for probe in state.probes if probe.intermediate]
    return through if through in relaxed else (relaxed or [state.probes[-1].key])[-1]


def leg_config(bench: Bench, state: CampaignState, number: int) -> CampaignConfig | None:
    """The campaign of a leg. It begins with all rows of the one before and spends what that left of the budget.

    None where there is no such leg: the reaction is not stepwise, or nobody wants legs, or they would be too deep.
    """
    config, key = bench.config, split_at(state)
    if key is None or state.seeded is None or not config.verification.legs or config.name.count("-leg-") >= DEEPEST:
        return None
    middle = bench.structure_of(key)
    reactant, product = bench.structure_of(state.seeded.reactant), bench.structure_of(state.seeded.product)
    ends = (reactant, middle) if number == LEGS[0] else (middle, product)
    before, left = (config.name, state.dataset), remaining(state, config).labels
    if number != LEGS[0]:
        earlier = _state_of(bench, leg_name(config.name, LEGS[0]))
        left -= _asked_with_legs(bench, leg_name(config.name, LEGS[0]))
        before = (leg_name(config.name, LEGS[0]), earlier.dataset) if earlier.dataset else before
    tree = config.canonical()
    tree |= {"name": leg_name(config.name, number), "reactant": ends[0].as_json(), "product": ends[1].as_json()}
    tree["budget"] = {**tree["budget"], "labels": max(left, 1)}
    tree["seeding"] = {**tree["seeding"], "learn_from": f"{before[0]}@{before[1]}"}
    return CampaignConfig.model_validate(tree)


def legs_so_far(bench: Bench, state: CampaignState) -> list[dict[str, Any]]:
    """How each leg stands that has begun; nothing where the reaction is not stepwise. Energies above the whole reaction's
    reactant, kcal/mol, at the reference."""
    if split_at(state) is None:
        return []
    found = (_leg(bench, leg_name(bench.config.name, number)) for number in LEGS)
    return [leg.as_json() for leg in found if leg is not None]


@final
@dataclass(frozen=True)
class _Leg:
    name: str
    state: CampaignState
    legs: list[dict[str, Any]]

    @property
    def verified(self) -> bool:
        """Its barrier, or those of its own legs."""
        by_legs = len(self.legs) == len(LEGS) and all(leg["verified"] for leg in self.legs)
        return self.state.outcome is Outcome.VERIFIED or by_legs

    def as_json(self) -> dict[str, Any]:
        test = self.state.tests[-1] if self.state.tests else None
        reaction = self.state.seeded.reference_kcal if self.state.seeded else None
        return {
            "campaign": self.name,
            "verdict": str(self.state.outcome) if self.state.outcome else "running",
            "verified": self.verified,
            "labels": self.state.labels_asked + sum(leg["labels"] for leg in self.legs),
            "model_kcal": None if test is None else test.model_kcal,
            "reference_kcal": None if test is None else test.reference_kcal,
            "error_kcal": None if test is None else test.error_kcal,
            "ts_force_max_ev_per_ang": None if test is None else test.force_max,
            "reaction_kcal": reaction,
            "evidence": list(self.state.evidence),
            "legs": self.legs,
        }


def _leg(bench: Bench, name: str) -> _Leg | None:
    state = _state_of(bench, name)
    if not state.events:
        return None
    inner = (_leg(bench, leg_name(name, number)) for number in LEGS)
    return _Leg(name, state, [leg.as_json() for leg in inner if leg is not None])


def _asked_with_legs(bench: Bench, name: str) -> int:
    leg = _leg(bench, name)
    return 0 if leg is None else int(leg.as_json()["labels"])


def _state_of(bench: Bench, name: str) -> CampaignState:
    records = Journal(bench.objects, f"campaigns/{name}/journal").read()
    return fold(parse_event(record) for record in records)


def profile(legs: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """The stationary points along the whole path, (name, kcal/mol above the reactant at the reference)."""
    points, height = [("reactant", 0.0)], 0.0
    for number, leg in enumerate(legs, start=1):
        if leg["reference_kcal"] is None or leg["reaction_kcal"] is None:
            return points
        points.append((f"saddle {number}", height + leg["reference_kcal"]))
        height += leg["reaction_kcal"]
        points.append(("product" if number == len(LEGS) else "intermediate", height))
    return points
