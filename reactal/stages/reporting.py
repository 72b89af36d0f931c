"""The report's numbers, gathered from the journal and what it points to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import reactal
from reactal.campaign.events import BatchChosen, Calibrated, Event, Explored, Labelled, Outcome, Seeded, Trained, Verified
from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Label
from reactal.potentials.committee import Committee
from reactal.report.data import (
    BarrierRow,
    IterationRow,
    LabelCounts,
    RandomArm,
    ReportData,
    StageCost,
    TrackingRef,
    TrustRegion,
    UncertaintyPairs,
)
from reactal.report.shown import LineageRow, MapPoints, Stationary, Table
from reactal.stages import report_clouds, report_density, report_path, report_validation
from reactal.stages.bench import Bench
from reactal.stages.forgetting import forgetting_table
from reactal.stages.report_structures import Album
from reactal.stages.summary import RECENT, STAGES
from reactal.uncertainty.calibration import FLOOR
from reactal.uncertainty.interval import force_mae_ci
from reactal.validation.base import Validation

__all__ = ["report_data"]


def report_data(bench: Bench, events: Sequence[Event], state: CampaignState, *, summary: Mapping[str, Any]) -> ReportData:
    """Everything report.html shows and report.json holds."""
    config = bench.config
    album = Album(report_path.template_of(bench, state))
    committee, zero = _committee(bench, state), _zero(bench, state)
    rows = bench.dataset(state.dataset) if state.dataset else Frames.of([])
    stationary = report_path.stationary_points(bench, state, album)
    path = report_path.path_profile(bench, state, committee, zero=zero, album=album)
    mode = report_path.saddle_mode(bench, state, committee, album)
    seen = report_clouds.foretold(bench, events, rows, zero=zero, album=album)
    validated = report_validation.validations(bench, state)
    exhibits = report_validation.exhibits(validated, album)
    return ReportData(
        campaign=config.name,
        reaction=_reaction(bench),
        theory=bench.theory.name,
        outcome=summary["verdict"],
        evidence=state.evidence,
        barriers=_barriers(state, config.name),
        barrier_tolerance_kcal=config.verification.barrier_tolerance,
        force_tolerance=config.verification.force_tolerance,
        iterations=_iterations(events),
        path=path,
        trained_on=report_clouds.trained_on(_trained_rows(bench, state, rows), committee, zero=zero, album=album),
        blind=report_clouds.blind(seen),
        uncertainty=_uncertainty(bench, state, album),
        stages=_costs(events, state, price=config.budget.price_per_core_hour),
        labels=_label_counts(state),
        random_arm=_random_arm(bench, summary),
        trust_region=_trust_region(bench, summary),
        wall_seconds=state.wall_seconds,
        store=config.store,
        tracking=TrackingRef(
            summary["mlflow"]["tracking_uri"] or "", config.tracking.experiment, summary["mlflow"]["run_id"] or ""
        ),
        settings=tuple((key, str(value)) for key, value in config.science().items()),
        provenance=_provenance(bench, state),
        stationary=stationary,
        mode=mode,
        worst=report_clouds.worst(seen),
        map=_map(bench, state, rows, committee=committee, stationary=stationary, zero=zero, album=album),
        lineage=_lineage(state),
        rows_by_round=_by_round(rows),
        tables=(
            *report_validation.tables(validated),
            *_forgetting(bench, state, validated),
            *report_density.tables(bench, rows),
        ),
        goals=report_validation.goals(validated),
        charts=(*report_validation.charts(validated, album), *report_density.charts(bench, rows)),
        exhibits=exhibits,
        structures=album.shown,
    )


def _forgetting(bench: Bench, state: CampaignState, validated: Sequence[Validation]) -> tuple[Table, ...]:
    """Unless a validation has found it out already."""
    return () if any(one.table("forgetting") for one in validated) else forgetting_table(bench, state)


def _committee(bench: Bench, state: CampaignState) -> Committee | None:
    if state.trained is None:
        return None
    return bench.committee(state.trained.model)


def _zero(bench: Bench, state: CampaignState) -> float:
    """The reference's energy of the reactant, eV; 0 where its label failed and the campaign halted."""
    return bench.label_of(state.seeded.reactant).energy if state.seeded is not None and state.seeded.reactant else 0.0


def _trained_rows(bench: Bench, state: CampaignState, rows: Frames) -> Frames:
    """What the newest model has seen; the dataset may have grown since."""
    if state.trained is None or state.trained.dataset == state.dataset:
        return rows
    return bench.dataset(state.trained.dataset)


def _uncertainty(bench: Bench, state: CampaignState, album: Album) -> UncertaintyPairs:
    return UncertaintyPairs(
        disagreement=tuple(point.disagreement for point in state.arm),
        error=tuple(point.force_error_max for point in state.arm),
        factor=state.calibrated.factor if state.calibrated else None,
        coverage=bench.config.calibration.coverage,
        floor=FLOOR,
        structures=tuple(album.known(point.key) for point in state.arm),
    )


def _random_arm(bench: Bench, summary: Mapping[str, Any]) -> RandomArm:
    arm = summary["random_arm"]
    low, high = arm["ci95"] or (None, None)
    saved_low, saved_high = arm["labels_saved"]["ci95"] or (None, None)
    return RandomArm(
        n=arm["n"],
        force_mae=arm["force_mae_ev_per_ang"],
        low=low,
        high=high,
        limit=bench.config.verification.random_arm_mae,
        saved=arm["labels_saved"]["estimate"],
        saved_low=saved_low,
        saved_high=saved_high,
    )


def _trust_region(bench: Bench, summary: Mapping[str, Any]) -> TrustRegion:
    trust = summary["trust_region"]
    return TrustRegion(
        target_coverage=trust["target_coverage"],
        observed_coverage=trust["observed_coverage"],
        observed_points=trust["observed_points"],
        radius=trust["disagreement"],
        max_error=bench.config.exploration.trust_error,
    )


def _map(
    bench: Bench,
    state: CampaignState,
    rows: Frames,
    *,
    committee: Committee | None,
    stationary: Sequence[Stationary],
    zero: float,
    album: Album,
) -> MapPoints | None:
    nothing = Frames.of([])
    explored = state.explored
    unseen = bench.pools.get(explored.pool) if explored is not None and explored.pool_size else nothing
    band = bench.pools.get(explored.path) if explored is not None else nothing
    keys = {"reactant": state.seeded.reactant, "product": state.seeded.product} if state.seeded else {}
    if state.tests:
        keys["saddle"] = state.tests[-1].key
    marks = [(point.name, bench.structure_of(keys[point.name])) for point in stationary if point.name in keys]
    zeros = (zero, explored.ends_ev[0] if explored is not None else 0.0)
    return report_clouds.exploration_map(
        rows, unseen=unseen, band=band, marks=marks, zeros=zeros, album=album, committee=committee
    )


def _lineage(state: CampaignState) -> tuple[LineageRow, ...]:
    """From which rows each model came."""
    rows = []
    for event in state.trainings:
        known = [mae for mae in event.force_mae if np.isfinite(mae)]
        held_out = float(np.mean(known)) if known else None
        rows.append(LineageRow(event.iteration, event.dataset, event.rows, event.model, held_out, event.restarts))
    return tuple(rows)


def _by_round(rows: Frames) -> tuple[tuple[int, int], ...]:
    rounds, counts = np.unique(rows.extra.get("iteration", np.zeros(len(rows), dtype=np.int64)), return_counts=True)
    return tuple((int(number), int(count)) for number, count in zip(rounds, counts, strict=True))


def _costs(events: Sequence[Event], state: CampaignState, *, price: float) -> tuple[StageCost, ...]:
    """Where time, labels and money went; `price` of a core hour."""
    rows = []
    for kind, name in STAGES.items():
        paid = [event for event in events if event.kind == kind and isinstance(event, Seeded | Labelled | Verified)]
        labels = sum(event.labels if isinstance(event, Seeded) else event.asked for event in paid)
        failed = sum(event.failed for event in paid if not isinstance(event, Verified))
        core = sum(event.core_seconds for event in paid)
        rows.append(StageCost(name, state.seconds.get(kind, 0.0), labels, failed, core, core / 3600.0 * price))
    return tuple(rows)


def _reaction(bench: Bench) -> str:
    reactant, _ = bench.config.ends
    return f"{reactant.formula}, charge {reactant.charge:+d}, multiplicity {reactant.multiplicity}"


def _barriers(state: CampaignState, name: str) -> tuple[BarrierRow, ...]:
    if not state.tests:
        return ()
    test = state.tests[-1]
    verified = state.outcome is Outcome.VERIFIED
    return (
        BarrierRow(
            name, test.model_kcal, test.reference_kcal, test.force_max, test.negative_modes, test.product_error_kcal, verified
        ),
    )


def _iterations(events: Sequence[Event]) -> tuple[IterationRow, ...]:
    """A row for each labelled batch that judged a model."""
    rows: list[IterationRow] = []
    asked, focus = 0, False
    times: dict[str, float] = {}
    recent: list[tuple[float, ...]] = []
    trust: float | None = None
    for event in events:
        match event:
            case Trained() | Explored():
                times[event.kind] = event.seconds
            case BatchChosen():
                focus = event.focus
            case Calibrated():
                trust = event.trust
            case Labelled():
                asked += event.asked
                if event.iteration > 0 and (event.saddle is not None or event.arm):
                    recent.append(tuple(point.force_mae for point in event.arm))
                    rows.append(_row(event, asked, focus=focus, recent=recent, trust=trust, times=times))
            case _:
                asked += getattr(event, "labels", 0)
    return tuple(rows)


def _row(
    event: Labelled,
    asked: int,
    *,
    focus: bool,
    recent: Sequence[tuple[float, ...]],
    trust: float | None,
    times: Mapping[str, float],
) -> IterationRow:
    found = force_mae_ci([error for errors in recent[-RECENT:] for error in errors])
    saddle = event.saddle
    return IterationRow(
        iteration=event.iteration - 1,
        labels=asked - event.asked,  # what the model that is judged had seen
        focus=focus,
        arm_errors=recent[-1],
        arm_mae=found.mean,
        arm_low=found.low,
        arm_high=found.high,
        barrier_model_kcal=saddle.model_kcal if saddle else None,
        barrier_reference_kcal=saddle.reference_kcal if saddle else None,
        saddle_force=saddle.force_max if saddle else None,
        disagreement=saddle.disagreement if saddle else None,
        trust=trust,
        label_seconds=event.seconds,
        train_seconds=times.get("trained"),
        explore_seconds=times.get("explored"),
    )


def _label_counts(state: CampaignState) -> LabelCounts:
    failures: dict[str, int] = {}
    for labelled in state.labelled:
        for kind, count in labelled.failures.items():
            failures[kind] = failures.get(kind, 0) + count
    return LabelCounts(
        asked=state.labels_asked,
        computed=state.computed,
        reused=state.reused,
        failed=state.failed,
        absurd=sum(labelled.absurd for labelled in state.labelled),
        core_seconds=state.core_seconds,
        failures=tuple(failures.items()),
    )


def _provenance(bench: Bench, state: CampaignState) -> tuple[tuple[str, str], ...]:
    """What to name where the result is used: code, theory and program, dataset, model."""
    rows = [("reactal", reactal.__version__), ("theory", bench.theory.name), ("theory fingerprint", bench.theory.fingerprint)]
    first = bench.labels.get(bench.theory.fingerprint, state.seeded.reactant) if state.seeded and state.seeded.reactant else None
    if isinstance(first, Label) and first.program_version:
        rows.append(("labelled with", first.program_version))
    rows += [("configuration", state.config), ("seed", str(state.seed)), ("events", str(state.events))]
    if state.dataset:
        rows.append(("dataset", f"{bench.config.name} version {state.dataset}"))
    if state.trained is not None:
        rows.append(("model", bench.models.url(state.trained.model)))
    return tuple(rows)
