"""How a campaign stands, as one JSON object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reactal.campaign.budget import remaining
from reactal.campaign.decide import Wait, decide
from reactal.campaign.events import Event, Labelled, SaddleTest, WayTest
from reactal.campaign.state import CampaignState
from reactal.selection.control import Saved, labels_saved
from reactal.stages.bench import Bench
from reactal.stages.legs import legs_so_far, profile
from reactal.stages.outlook import cost, outlook
from reactal.uncertainty.bounds import promise
from reactal.uncertainty.interval import force_mae_ci
from reactal.uncertainty.reliability import Reliability, drift

__all__ = ["STAGES", "batch_progress", "summarize"]

STAGES: Mapping[str, str] = {  # what the events are called in front of people
    "seeded": "seed",
    "labelled": "label",
    "trained": "train",
    "explored": "explore",
    "batch_chosen": "select",
    "calibrated": "calibrate",
    "verified": "verify",
}

RECENT = 3  # rounds


def summarize(
    bench: Bench, events: Sequence[Event], state: CampaignState, *, folder: Path, tracking: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything the design promises under `--json`. Numbers that are not known yet are null."""
    config = bench.config
    seconds = {name: round(state.seconds.get(kind, 0.0), 3) for kind, name in STAGES.items()}
    newest = state.tests[-1] if state.tests else None
    report = folder / "report.html"
    following = decide(state, config)
    legs = legs_so_far(bench, state)
    waits = following.reason if isinstance(following, Wait) and following.approval else None
    return {
        "campaign": config.name,
        "theory": bench.theory.as_json(),
        "baseline": state.seeded.baseline if state.seeded else None,
        "verdict": str(state.outcome) if state.outcome else ("paused" if state.paused else "waiting" if waits else "running"),
        "evidence": [waits] if waits else list(state.evidence),
        "barriers": [_barrier(state, newest)] if newest else [],
        "intermediates": [
            {"reference_kcal": probe.kcal, "force_max_ev_per_ang": probe.force_max, "structure": probe.key}
            for probe in state.probes
            if probe.intermediate
        ],
        "legs": legs,
        "profile": profile(legs),
        "reaction": {"reference_kcal": state.seeded.reference_kcal if state.seeded else None},
        "tolerance": {
            "barrier_kcal": config.verification.barrier_tolerance,
            "force_ev_per_ang": config.verification.force_tolerance,
        },
        "labels": {
            "asked": state.labels_asked,
            "computed": state.computed,
            "reused": state.reused,
            "failed": state.failed,
            "kept_from_training": sum(labelled.absurd for labelled in state.labelled),
            "left": remaining(state, config).labels,
        },
        "random_arm": {**_random_arm(state), "labels_saved": _labels_saved(bench, state)},
        "trust_region": {
            "target_coverage": config.calibration.coverage,
            "observed_coverage": state.calibrated.observed_coverage if state.calibrated else None,
            "observed_points": state.calibrated.observed_points if state.calibrated else 0,
            "factor": state.calibrated.factor if state.calibrated else None,
            "disagreement": state.calibrated.trust if state.calibrated else config.exploration.trust,
            **_reliability(bench, state),
        },
        "iterations": state.iteration,
        "seconds": {**seconds, "total": round(state.wall_seconds, 3)},
        "core_hours": state.core_seconds / 3600.0,
        "cost": cost(state, config),
        "outlook": outlook(events, state, config),
        "report": str(report) if report.is_file() else None,
        "store": config.store,
        "model": bench.models.url(state.trained.model) if state.trained else None,
        "mlflow": dict(tracking),
    }


def batch_progress(bench: Bench, state: CampaignState) -> dict[str, Any]:
    """How many structures of the batch under way have a label or a failure; zeros between batches."""
    if state.pending is None:
        return {"batch": 0, "batch_done": 0}
    keys = bench.pools.get(state.pending.batch).keys()
    return {"batch": len(keys), "batch_done": len(bench.labels.get_many(bench.theory.fingerprint, keys))}


def _barrier(state: CampaignState, test: SaddleTest) -> dict[str, Any]:
    return {
        "model_kcal": test.model_kcal,
        "reference_kcal": test.reference_kcal,
        "error_kcal": test.error_kcal,
        "reactant_error_kcal": 0.0,  # energies are relative to the reactant on both sides
        "product_error_kcal": test.product_error_kcal,
        "reverse_model_kcal": test.model_kcal - _reaction(state, test),
        "reverse_reference_kcal": test.reference_kcal - (state.seeded.reference_kcal if state.seeded else 0.0),
        "ts_force_max_ev_per_ang": test.force_max,
        "negative_modes": test.negative_modes,
        "joins_ends": test.joins,
        "downhill_both_ways": test.downhill,
        "disagreement_ev_per_ang": test.disagreement,
        "ways_down": None if state.ways is None else _ways(state.ways),
        "intermediate_kcal": test.intermediate_kcal,
        "stability_kcal": state.verified.stability_kcal if state.verified else None,
    }


def _ways(test: WayTest) -> dict[str, Any]:
    return {
        "points": test.points,
        "force_error_max_ev_per_ang": test.force_error_max,
        "energy_error_kcal": test.energy_error_kcal,
    }


def _reaction(state: CampaignState, test: SaddleTest) -> float:
    return (state.seeded.reference_kcal if state.seeded else 0.0) + test.product_error_kcal


def _reliability(bench: Bench, state: CampaignState) -> dict[str, Any]:
    """How good the disagreement is as a doubt, what its bound promises, and whether the last model still keeps to it."""
    section = bench.config.calibration
    rounds = [_pairs(labelled) for labelled in state.labelled if labelled.arm]
    found = Reliability.of([d for one in rounds for d in one[0]], [e for one in rounds for e in one[1]])
    moved = drift(rounds)
    return {
        "method": section.method,
        "promise": promise(section.method, state.calibrated.points if state.calibrated else 0, section.coverage),
        "rank_correlation": found.rank_correlation,
        "ence": found.ence,
        "drift": None if moved is None else {"p": moved.p, "change": moved.change, "alarm": moved.alarm},
    }


def _pairs(labelled: Labelled) -> tuple[list[float], list[float]]:
    return [point.disagreement for point in labelled.arm], [point.force_error_max for point in labelled.arm]


def _labels_saved(bench: Bench, state: CampaignState) -> dict[str, Any]:
    """An estimate, as `reactal.selection.control` makes it: below zero where lots would have been the better choice."""
    found = Saved(0, 0)
    if state.dataset:
        rows = bench.dataset(state.dataset)
        found = labels_saved(rows) if "arm" in rows.extra else found
    known = found.random_would_need is not None and found.low is not None and found.high is not None
    return {
        "estimate": found.random_would_need - found.chosen if found.random_would_need is not None else None,
        "ci95": [edge - found.chosen for edge in (found.low, found.high) if edge is not None] if known else None,
        "chosen": found.chosen,
        "drawn": found.drawn,
    }


def _random_arm(state: CampaignState) -> dict[str, Any]:
    """Of the last rounds only: earlier ones are not the potential that is handed over."""
    recent = [point for labelled in state.labelled[-RECENT:] for point in labelled.arm]
    found = force_mae_ci([point.force_mae for point in recent])
    interval = None if found.low is None else [found.low, found.high]
    return {"n": found.n, "force_mae_ev_per_ang": found.mean, "ci95": interval, "n_all": len(state.arm)}
