"""What can happen in a campaign. A campaign is its events; they are only ever appended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

__all__ = [
    "Amended",
    "Approved",
    "ArmPoint",
    "BatchChosen",
    "Calibrated",
    "Event",
    "Explored",
    "Finished",
    "Labelled",
    "Outcome",
    "Paused",
    "Resumed",
    "SaddleSummary",
    "SaddleTest",
    "Seeded",
    "Started",
    "Trained",
    "Verified",
    "parse_event",
]


class Outcome(StrEnum):
    """How a campaign ends."""

    VERIFIED = "verified"  # Psi4 agrees with the barrier, and that its point is stationary and joins the ends
    STEPWISE = "stepwise"  # an intermediate lies between the ends
    UNSTABLE_REFERENCE = "unstable_reference"  # a broken-symmetry solution is lower at the saddle
    SECOND_ORDER = "second_order"  # the only stationary point found has two negative modes
    BUDGET_SPENT = "budget_spent"
    HALTED = "halted"  # the circuit breaker, or ends that are no minima of their own


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class _Event(_Value):
    seconds: float = 0.0  # wall time of the action

    def as_json(self) -> dict[str, Any]:
        """For the journal, whose JSON knows no NaN: pydantic writes it as a word only where it writes the text itself."""
        record: dict[str, Any] = json.loads(self.model_dump_json())
        return record


class Started(_Event):
    """The campaign begins with this configuration."""

    kind: Literal["started"] = "started"
    config: str  # sha256 of the resolved campaign file
    seed: int


class Amended(_Event):
    """The configuration is another one from here on. `changes` are the lines that the user saw."""

    kind: Literal["amended"] = "amended"
    config: str
    changes: tuple[str, ...]
    reason: str


class Paused(_Event):
    kind: Literal["paused"] = "paused"
    reason: str


class Resumed(_Event):
    """After a pause, or after a finished campaign was given a larger budget."""

    kind: Literal["resumed"] = "resumed"
    reason: str


class Approved(_Event):
    """A person lets the campaign spend up to these numbers; None: all of its budget."""

    kind: Literal["approved"] = "approved"
    up_to_labels: int | None
    up_to_money: float | None
    reason: str

    def limits(self, before: Mapping[str, float | None]) -> dict[str, float | None]:
        """By name, in the place of those that were. Where only one number is given, the other limit stays."""
        given = {"labels": self.up_to_labels, "money": self.up_to_money}
        if all(value is None for value in given.values()):
            return dict.fromkeys(before)
        return {name: limit if given[name] is None else given[name] for name, limit in before.items()}


class Seeded(_Event):
    """Ends relaxed and first structures proposed; `batch` is the pool that holds them."""

    kind: Literal["seeded"] = "seeded"
    reactant: str  # structure keys of the relaxed ends
    product: str
    relaxed: tuple[bool, bool]
    labels: int  # gradients asked for while relaxing
    computed: int
    reused: int
    failed: int
    core_seconds: float
    batch: str
    batch_size: int
    path: str  # pool with the path the first band starts from
    reference_kcal: float  # product minus reactant at the reference
    baseline: str = "none"  # what the models of this campaign are trained on top of
    problem: str | None = None  # why there is nothing to go on with


class BatchChosen(_Event):
    """Structures to label next, with the model's predictions for them."""

    kind: Literal["batch_chosen"] = "batch_chosen"
    iteration: int
    batch: str
    batch_size: int
    focus: bool
    dropped: dict[str, int]
    probe: int = 0  # gradients to relax the batch's valley with at the reference
    proof: bool = False  # random arm alone, from what the model that is to be verified explored


class SaddleTest(_Value):
    """The model's saddle as it was predicted before its label was known, against that label. Energies in kcal/mol."""

    key: str
    model_kcal: float  # saddle minus reactant
    reference_kcal: float
    error_kcal: float
    product_error_kcal: float  # product minus reactant, model minus reference
    force_max: float  # largest reference force at the model's saddle, eV/angstrom
    negative_modes: int
    joins: bool  # descents reach the bonds of both ends
    downhill: bool | None  # reference energies on both sides along the mode lie lower; None: not both labelled
    disagreement: float
    intermediate_force: float | None = None  # largest reference force at the intermediate found by a descent
    intermediate_kcal: float | None = None  # its reference energy


class ArmPoint(_Value):
    """One structure of the random arm, predicted before it was labelled."""

    key: str
    disagreement: float
    force_error_max: float  # largest force error of an atom, eV/angstrom
    force_mae: float  # mean absolute error of the force components
    energy_error: float  # eV, relative to the reactant
    # disagreement and error of each element's worst atom, where the calibration asks for it; else it is not written
    elements: dict[str, tuple[float, float]] | None = Field(default=None, exclude_if=lambda value: value is None)


class ValleyProbe(_Value):
    """A valley of the band, with the bonds of neither end, as the reference sees it. Energies above the reactant's."""

    key: str  # where the model's valley is or, if the reference relaxed it, the lowest structure reached
    intermediate: bool  # it converged to a minimum that has the bonds of neither end
    kcal: float | None = None
    force_max: float | None = None  # eV/angstrom
    start_error_kcal: float | None = None  # of the model, at its valley
    relaxed: bool = False  # the reference took more than one step


class WayTest(_Value):
    """The model on the ways down from its saddle, predicted before they were labelled: the largest errors."""

    asked: int
    points: int  # labelled
    force_error_max: float  # of an atom, eV/angstrom
    energy_error_kcal: float  # above the reactant


class Labelled(_Event):
    """A batch is labelled and the next dataset version holds it."""

    kind: Literal["labelled"] = "labelled"
    iteration: int
    asked: int
    computed: int
    reused: int
    failed: int
    failures: dict[str, int]  # by kind
    failure_text: str  # one example
    absurd: int  # labels kept in the store but out of training
    core_seconds: float
    dataset: int  # version
    rows: int
    saddle: SaddleTest | None
    arm: tuple[ArmPoint, ...]
    valley: ValleyProbe | None = None
    ways: WayTest | None = None
    proof: bool = False


class Calibrated(_Event):
    """Disagreement turned into a bound on the force error."""

    kind: Literal["calibrated"] = "calibrated"
    points: int
    factor: float | None  # error <= factor * disagreement at the stated coverage; None: too few points
    trust: float  # disagreement at which exploration stops
    target_coverage: float
    observed_coverage: float | None  # of earlier calibrations on the points that came after them
    observed_points: int


class Trained(_Event):
    kind: Literal["trained"] = "trained"
    iteration: int
    dataset: int
    rows: int
    model: str  # folder of the store that holds the committee
    force_mae: tuple[float, ...]  # of each member on what it held out; NaN without
    curves: tuple[tuple[tuple[int, float], ...], ...] = ()  # of each member: (step, validation loss)
    restarts: int


class SaddleSummary(_Value):
    """Where the search for the saddle ended, on the model."""

    energy_kcal: float
    negative_modes: int
    lowest: tuple[float, ...]  # lowest eigenvalues, eV/angstrom^2
    disagreement: float
    joins: bool
    ends: tuple[str, str]  # reactant | product | other
    refused: str | None


class Explored(_Event):
    kind: Literal["explored"] = "explored"
    iteration: int
    pool: str
    pool_size: int
    path: str  # pool with the band to go on from
    ends_ev: tuple[float, float]  # what the model says of the relaxed ends
    band_barrier_kcal: float
    band_disagreement: float
    band_converged: bool
    minima: tuple[float, ...]  # kcal/mol of interior minima deep enough to matter
    saddle: SaddleSummary | None
    intermediate: bool  # a descent ended in a minimum that is neither end; it is in the pool
    valley_kcal: float | None = None  # of the band's deepest minimum that has the bonds of neither end; it is in the pool
    through: str | None = None  # key of the intermediate, known to the reference, that has this valley's bonds
    replicas: int
    left_trust: int  # replicas that ended at the trust region


class Verified(_Event):
    """What the last checks said, in sentences; `outcome` None where the campaign must go on."""

    kind: Literal["verified"] = "verified"
    iteration: int
    outcome: Outcome | None
    evidence: tuple[str, ...]
    asked: int
    computed: int
    reused: int
    core_seconds: float
    stability_kcal: float | None  # broken-symmetry minus reference at the saddle


class Finished(_Event):
    kind: Literal["finished"] = "finished"
    outcome: Outcome
    evidence: tuple[str, ...]


Event = Annotated[
    Started
    | Amended
    | Paused
    | Resumed
    | Approved
    | Seeded
    | BatchChosen
    | Labelled
    | Calibrated
    | Trained
    | Explored
    | Verified
    | Finished,
    Field(discriminator="kind"),
]
_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def parse_event(data: dict[str, Any]) -> Event:
    """From the journal's JSON."""
    return _ADAPTER.validate_python(data, strict=False)
