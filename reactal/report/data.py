"""Everything a report shows, as plain values; whoever keeps the journal fills it in.

Energies and barriers in kcal/mol relative to the reactant, forces in eV/angstrom, lengths in angstrom, times in seconds.
None stands for what is not known (yet).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, final

from reactal.report.shown import (
    Chart,
    ControlCurve,
    Exhibit,
    Goal,
    LineageRow,
    MapPoints,
    Mode,
    Shown,
    Stationary,
    Table,
    WorstRow,
)

__all__ = [
    "BarrierRow",
    "IterationRow",
    "LabelCounts",
    "ParityPoints",
    "PathProfile",
    "RandomArm",
    "ReportData",
    "StageCost",
    "TrackingRef",
    "TrustRegion",
    "UncertaintyPairs",
]

SCHEMA = "report-1"
Numbers = tuple[float, ...]


@final
@dataclass(frozen=True)
class IterationRow:
    """One round: what its model was trained on and how it did on what came after. `labels` counts all asked for until then;
    `arm_errors` are the force MAEs of this round's random structures, `arm_mae` the mean of the recent ones with its 95 %
    interval."""

    iteration: int
    labels: int
    focus: bool = False
    arm_errors: Numbers = ()
    arm_mae: float | None = None
    arm_low: float | None = None
    arm_high: float | None = None
    barrier_model_kcal: float | None = None
    barrier_reference_kcal: float | None = None
    saddle_force: float | None = None
    disagreement: float | None = None
    trust: float | None = None
    label_seconds: float | None = None
    train_seconds: float | None = None
    explore_seconds: float | None = None

    @property
    def barrier_error_kcal(self) -> float | None:
        """Model minus reference."""
        if self.barrier_model_kcal is None or self.barrier_reference_kcal is None:
            return None
        return self.barrier_model_kcal - self.barrier_reference_kcal


@final
@dataclass(frozen=True)
class PathProfile:
    """Along the minimum-energy path of the model: `progress` is arc length; spread is one standard deviation over the
    committee. The labelled points are structures on the path or close to it with their reference energies; of points of one
    name the last is named in the figure. `labelled_model_kcal` is what the model says of the same structures. `structures` are
    the images, `labelled_structures` the labelled points."""

    progress: Numbers = ()
    model_kcal: Numbers = ()
    spread_kcal: Numbers = ()
    labelled_progress: Numbers = ()
    labelled_kcal: Numbers = ()
    names: tuple[str, ...] = ()
    structures: tuple[int, ...] = ()
    labelled_structures: tuple[int, ...] = ()
    labelled_model_kcal: Numbers = ()


@final
@dataclass(frozen=True)
class ParityPoints:
    """Reference against model, in pairs: energies of structures (kcal/mol), force components (eV/angstrom) of one structure
    after the other. `structures` says which they are, where that is known; `of` how many there were before thinning."""

    energy_reference: Numbers = ()
    energy_model: Numbers = ()
    force_reference: Numbers = ()
    force_model: Numbers = ()
    structures: tuple[int, ...] = ()
    of: int = 0


@final
@dataclass(frozen=True)
class UncertaintyPairs:
    """Disagreement and largest force error of structures predicted before they were labelled, with the conformal line
    error = factor * max(disagreement, floor)."""

    disagreement: Numbers = ()
    error: Numbers = ()
    factor: float | None = None
    coverage: float | None = None
    floor: float = 0.0
    structures: tuple[int, ...] = ()


@final
@dataclass(frozen=True)
class StageCost:
    """Wall seconds, labels asked for and failed, and the core time of the labels with its price."""

    stage: str
    seconds: float
    labels: int = 0
    failed: int = 0
    core_seconds: float = 0.0
    money: float = 0.0


@final
@dataclass(frozen=True)
class BarrierRow:
    """A barrier with what its verification rests on."""

    name: str
    model_kcal: float | None
    reference_kcal: float | None
    ts_force_max: float | None
    negative_modes: int | None
    product_error_kcal: float | None = None
    verified: bool = False

    @property
    def error_kcal(self) -> float | None:
        """Model minus reference."""
        if self.model_kcal is None or self.reference_kcal is None:
            return None
        return self.model_kcal - self.reference_kcal


@final
@dataclass(frozen=True)
class LabelCounts:
    """`absurd` labels are kept in the store but out of training."""

    asked: int = 0
    computed: int = 0
    reused: int = 0
    failed: int = 0
    absurd: int = 0
    core_seconds: float = 0.0
    failures: tuple[tuple[str, int], ...] = ()


@final
@dataclass(frozen=True)
class RandomArm:
    """Force MAE of the recent random structures with its 95 % interval; labels that choosing has saved against drawing lots, an
    estimate with its 95 % interval."""

    n: int = 0
    force_mae: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    saved: float | None = None
    saved_low: float | None = None
    saved_high: float | None = None


@final
@dataclass(frozen=True)
class TrustRegion:
    """`radius` is the disagreement up to which the force error is bounded by `max_error` at `target_coverage`."""

    target_coverage: float | None = None
    observed_coverage: float | None = None
    observed_points: int = 0
    radius: float | None = None
    max_error: float | None = None


@final
@dataclass(frozen=True)
class TrackingRef:
    uri: str = ""
    experiment: str = ""
    run_id: str = ""


@final
@dataclass(frozen=True)
class ReportData:
    """One campaign. `outcome` is a campaign outcome by name, or `running`; `evidence` are sentences; `settings`,
    `provenance` and `tables` are shown as they are, in order. What is shown of a structure names it by its place in
    `structures`. `rows_by_round` counts the rows of the newest dataset by the round that labelled them."""

    campaign: str
    reaction: str
    theory: str
    outcome: str
    evidence: tuple[str, ...] = ()
    barriers: tuple[BarrierRow, ...] = ()
    barrier_tolerance_kcal: float | None = None
    force_tolerance: float | None = None
    iterations: tuple[IterationRow, ...] = ()
    path: PathProfile = PathProfile()
    trained_on: ParityPoints = ParityPoints()
    blind: ParityPoints = ParityPoints()
    uncertainty: UncertaintyPairs = UncertaintyPairs()
    stages: tuple[StageCost, ...] = ()
    labels: LabelCounts = LabelCounts()
    random_arm: RandomArm = RandomArm()
    trust_region: TrustRegion = TrustRegion()
    wall_seconds: float = 0.0
    store: str = ""
    tracking: TrackingRef = TrackingRef()
    settings: tuple[tuple[str, str], ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    structures: tuple[Shown, ...] = ()
    stationary: tuple[Stationary, ...] = ()
    mode: Mode | None = None
    worst: tuple[WorstRow, ...] = ()
    map: MapPoints | None = None
    lineage: tuple[LineageRow, ...] = ()
    rows_by_round: tuple[tuple[int, int], ...] = ()
    control: ControlCurve | None = None
    tables: tuple[Table, ...] = ()
    goals: tuple[Goal, ...] = ()
    charts: tuple[Chart, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Nested plain values; numbers that are not finite become null."""
        return {"schema": SCHEMA, **_plain(self)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        out = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        if isinstance(value, IterationRow | BarrierRow):
            kind = "barrier_error_kcal" if isinstance(value, IterationRow) else "error_kcal"
            out[kind] = _plain(getattr(value, kind))
        return out
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, bool | str) or value is None:
        return value
    number = value.item() if hasattr(value, "item") else value  # a numpy scalar
    return None if isinstance(number, float) and not math.isfinite(number) else number
