"""The report's numbers, gathered from the journal and what it points to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.events import BatchChosen, Calibrated, Event, Explored, Labelled, Outcome, Trained
from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Label
from reactal.exploration.paths import align
from reactal.report.data import (
    BarrierRow,
    IterationRow,
    LabelCounts,
    ParityPoints,
    PathProfile,
    RandomArm,
    ReportData,
    StageCost,
    TrackingRef,
    TrustRegion,
    UncertaintyPairs,
)
from reactal.stages.bench import Bench
from reactal.stages.summary import RECENT, STAGES
from reactal.uncertainty.calibration import FLOOR
from reactal.uncertainty.interval import force_mae_ci
from reactal.units import KCAL_PER_MOL

__all__ = ["report_data"]

NEAR_PATH = 0.1  # angstrom, root mean square after turning; a labelled structure this near an image is shown on the path
PARITY_ROWS = 400  # most recent; a page must open quickly

Floats = NDArray[np.float64]


def report_data(bench: Bench, events: Sequence[Event], state: CampaignState, *, summary: Mapping[str, Any]) -> ReportData:
    """Everything report.html shows and report.json holds."""
    config = bench.config
    arm, mlflow = summary["random_arm"], summary["mlflow"]
    interval = arm["ci95"] or (None, None)
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
        path=_path(bench, state),
        trained_on=_trained_on(bench, state),
        blind=_blind(bench, events, state),
        uncertainty=UncertaintyPairs(
            disagreement=tuple(point.disagreement for point in state.arm),
            error=tuple(point.force_error_max for point in state.arm),
            factor=state.calibrated.factor if state.calibrated else None,
            coverage=config.calibration.coverage,
            floor=FLOOR,
        ),
        stages=tuple(
            StageCost(name, state.seconds.get(kind, 0.0), labels=_labels_of(name, events)) for kind, name in STAGES.items()
        ),
        labels=_label_counts(state),
        random_arm=RandomArm(arm["n"], arm["force_mae_ev_per_ang"], interval[0], interval[1], config.verification.random_arm_mae),
        trust_region=TrustRegion(
            target_coverage=summary["trust_region"]["target_coverage"],
            observed_coverage=summary["trust_region"]["observed_coverage"],
            observed_points=summary["trust_region"]["observed_points"],
            radius=summary["trust_region"]["disagreement"],
            max_error=config.exploration.trust_error,
        ),
        wall_seconds=state.wall_seconds,
        store=config.store,
        tracking=TrackingRef(mlflow["tracking_uri"] or "", config.tracking.experiment, mlflow["run_id"] or ""),
        settings=tuple((key, str(value)) for key, value in config.science().items()),
        provenance=_provenance(bench, state),
    )


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


def _path(bench: Bench, state: CampaignState) -> PathProfile:
    if state.explored is None or state.trained is None or state.seeded is None:
        return PathProfile()
    from reactal.potentials.export import load_committee

    band = bench.pools.get(state.explored.path)
    said = load_committee(bench.models.get(state.trained.model)).predict(band)
    atoms = int(band.sizes[0])
    steps = np.linalg.norm(np.diff(band.positions.reshape(-1, atoms, 3), axis=0), axis=(1, 2))
    progress = np.concatenate([[0.0], np.cumsum(steps)])
    zero = bench.label_of(state.seeded.reactant).energy
    where, heights, names = _labelled_on(bench, state, band, progress)
    return PathProfile(
        progress=tuple(progress.tolist()),
        model_kcal=tuple(((said.energy - said.energy[0]) / KCAL_PER_MOL).tolist()),
        spread_kcal=tuple((said.energy_spread / KCAL_PER_MOL).tolist()),
        labelled_progress=tuple(where),
        labelled_kcal=tuple((height - zero) / KCAL_PER_MOL for height in heights),
        names=tuple(names),
    )


def _labelled_on(
    bench: Bench, state: CampaignState, band: Frames, progress: Floats
) -> tuple[list[float], list[float], list[str]]:
    """Labelled structures that lie on the path, each at its nearest image."""
    images = list(band.structures())
    rows = bench.dataset(state.dataset)
    where, heights, names = [], [], []
    for i in np.flatnonzero(np.isin(rows.extra["role"], ("saddle", "path", "between", "top", "relax"))):
        here = rows.structure(int(i))
        gaps = [float(np.sqrt(np.square(align(here, image).positions - image.positions).sum(axis=1).mean())) for image in images]
        nearest = int(np.argmin(gaps))
        if gaps[nearest] < NEAR_PATH:
            where.append(float(progress[nearest]))
            heights.append(float(rows.energy[i]))
            names.append(str(rows.extra["role"][i]))
    return where, heights, names


def _trained_on(bench: Bench, state: CampaignState) -> ParityPoints:
    if state.trained is None or state.seeded is None:
        return ParityPoints()
    from reactal.potentials.export import load_committee

    rows = bench.dataset(state.trained.dataset)[-PARITY_ROWS:]
    said = load_committee(bench.models.get(state.trained.model)).predict(rows)
    zero = bench.label_of(state.seeded.reactant).energy
    return _parity(rows.energy - zero, said.energy - zero, rows.forces, said.forces)


def _blind(bench: Bench, events: Sequence[Event], state: CampaignState) -> ParityPoints:
    """The random arm: as predicted before it was labelled."""
    if state.seeded is None:
        return ParityPoints()
    reference_zero = bench.label_of(state.seeded.reactant).energy if state.seeded.reactant else 0.0
    model_zero = 0.0
    energies: list[tuple[float, float]] = []
    forces: list[tuple[Floats, Floats]] = []
    for event in events:
        if isinstance(event, Explored):
            model_zero = event.ends_ev[0]
        if not isinstance(event, BatchChosen):
            continue
        pool = bench.pools.get(event.batch)
        for i in np.flatnonzero(pool.extra["arm"] == "random"):
            label = bench.labels.get(bench.theory.fingerprint, pool.structure(int(i)).key)
            if isinstance(label, Label):
                energies.append((label.energy - reference_zero, float(pool.energy[i]) - model_zero))
                forces.append((label.forces, pool.forces[pool.atoms(int(i))]))
    if not energies:
        return ParityPoints()
    pairs = np.asarray(energies)
    return _parity(pairs[:, 0], pairs[:, 1], np.concatenate([f for f, _ in forces]), np.concatenate([f for _, f in forces]))


def _parity(energy: Floats, energy_model: Floats, forces: Floats, forces_model: Floats) -> ParityPoints:
    return ParityPoints(
        tuple((energy / KCAL_PER_MOL).tolist()),
        tuple((energy_model / KCAL_PER_MOL).tolist()),
        tuple(forces.reshape(-1).tolist()),
        tuple(forces_model.reshape(-1).tolist()),
    )


def _labels_of(stage: str, events: Sequence[Event]) -> int:
    kinds = {"seed": ("seeded", "labels"), "label": ("labelled", "asked"), "verify": ("verified", "asked")}
    if stage not in kinds:
        return 0
    kind, field = kinds[stage]
    return sum(getattr(event, field) for event in events if event.kind == kind)


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
    rows = [("theory fingerprint", bench.theory.fingerprint), ("configuration", state.config), ("events", str(state.events))]
    if state.dataset:
        rows.append(("dataset", f"{bench.config.name} version {state.dataset}"))
    if state.trained is not None:
        rows.append(("model", bench.models.url(state.trained.model)))
    return tuple(rows)
