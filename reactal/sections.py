"""The campaign file's sections, but for the large ones that have modules of their own: what may stand in each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from reactal.chem import Theory
from reactal.secrecy import check_no_credentials

__all__ = [
    "ACQUISITIONS",
    "BAND",
    "CHOOSERS",
    "Breaker",
    "Budget",
    "CalibrationSection",
    "Count",
    "Exploration",
    "Goals",
    "MlflowTracking",
    "Model",
    "NoTracking",
    "Section",
    "Seeding",
    "SelectionSection",
    "TheorySection",
    "Verification",
]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]


class TheorySection(Section):
    program: Literal["psi4", "ase", "xtb", "pyscf", "qcengine", "pool", "teacher", "deepscf"]
    method: str
    basis: str
    keywords: dict[str, str | int | float | bool]

    def theory(self) -> Theory:
        return Theory(self.program, self.method, self.basis, tuple(self.keywords.items()))


class Seeding(Section):
    relax_steps: Annotated[int, Field(ge=0)]
    relax_force: Positive
    path: Literal["xtb", "routes", "geodesic"]
    images: Annotated[int, Field(ge=5)]
    jitter: Annotated[float, Field(ge=0, le=0.2)]
    rattle: Annotated[float, Field(ge=0, le=0.2)]
    # dataset@version of the same store and theory; not written where there is none, so that old files stay what they were
    learn_from: Annotated[str, Field(pattern=r"^[\w.=+-]+@\d+$")] | None = Field(
        default=None, exclude_if=lambda value: value is None
    )


class Model(Section):
    kind: Literal["painn", "schnet", "so3net", "field_schnet"]
    features: Count
    interactions: Count
    cutoff: Positive
    states: bool
    members: Annotated[int, Field(ge=2)]
    committee: Literal["full", "shared", "dropout", "evidential"]
    dropout: Annotated[float, Field(gt=0, lt=1)]

    @property
    def networks(self) -> int:
        """How many are trained: one for every member, or one that has its doubt in itself."""
        return self.members if self.committee == "full" else 1

    @property
    def heads(self) -> int:
        """Of each network: its members, whole heads or masks of one."""
        return self.members if self.committee in ("shared", "dropout") else 1


class Exploration(Section):
    band_steps: Count
    band_force: Positive
    band_cap: Positive
    saddle_cap: Positive
    saddle_energy: Positive
    replicas: Annotated[int, Field(ge=0)]
    temperature: Positive
    timestep: Positive
    dynamics_fs: Positive
    friction_per_fs: Positive
    trust: Positive
    trust_error: Positive


BAND = "band"  # the doubtful band, then the farthest: what a campaign does unless it names a strategy
ACQUISITIONS = (
    "random",
    "disagreement",
    "variance",
    "entropy",
    "ucb",
    "ei",
    "thompson",
    "doptimal",
    "leverage",
    "novelty",
    "transition",
)
CHOOSERS = ("top", "farthest", "mixed", "kdpp", "kmeans", "lcmd", "cur", "information", "batchbald")


def _known_strategy(name: str) -> str:
    """A name, or two joined by a plus; the settings are checked where the strategies are."""
    first, plus, second = name.partition("+")
    if plus and first in ACQUISITIONS and second in CHOOSERS:
        return name
    if not plus and first in (BAND, "default", *ACQUISITIONS, *CHOOSERS[1:]):
        return name
    raise ValueError(
        f"a strategy is {BAND}, default, or one of {', '.join(ACQUISITIONS)}, joined by + with one of {', '.join(CHOOSERS)}"
    )


class SelectionSection(Section):
    batch: Annotated[int, Field(ge=4)]
    focus_batch: Annotated[int, Field(ge=4)]
    random_share: Share
    duplicate: Annotated[float, Field(ge=0)]
    focus_force: Positive
    focus_energy: Positive
    focus_disagreement: Positive
    strategy: Annotated[str, AfterValidator(_known_strategy)]
    strategy_settings: dict[str, bool | int | float | str]
    space: Literal["distances", "latent"]
    from_store: bool


class CalibrationSection(Section):
    coverage: Annotated[float, Field(gt=0.5, lt=1.0)]
    method: Literal["conformal", "elements", "plain", "isotonic", "scaled"]


class Verification(Section):
    barrier_tolerance: Positive
    force_tolerance: Positive
    consecutive: Count
    probe_steps: Annotated[int, Field(ge=0)]
    way_points: Annotated[int, Field(ge=0)]
    way_force: Positive
    way_energy: Positive
    random_arm_mae: Positive
    proof: Annotated[int, Field(ge=0)]
    proof_batch: Count
    descent: Literal["quasi_newton", "irc"]
    stability: bool
    stability_margin: Positive
    legs: bool = Field(default=True, exclude_if=lambda value: value)


class Goals(Section):
    """What a potential must reach to be called good. Only a validation's verdict looks at it."""

    energy: Positive  # eV an atom, mean absolute error
    force: Positive  # eV/angstrom, mean absolute error of the components
    correlation: Annotated[float, Field(gt=0.0, le=1.0)]  # of the model's force components with the reference's
    strained: Annotated[float, Field(ge=1.0)]  # times the force error that is allowed elsewhere
    barrier: Positive  # kcal/mol, largest error of forward, reverse and reaction energy
    frequency: Positive  # cm^-1, mean absolute error
    stable_fs: Positive  # that dynamics stays physical
    stable_share: Annotated[float, Field(gt=0.0, le=1.0)]  # in so many of all runs
    coverage_gap: Annotated[float, Field(gt=0.0, lt=0.5)]  # by which coverage may fall short of what is promised


class ApproveAbove(Section):
    """Limits that are passed only when a person has said so. None: no limit."""

    labels: Annotated[int, Field(ge=0)] | None = None
    money: Annotated[float, Field(ge=0)] | None = None


class Budget(Section):
    labels: Count
    core_hours: Positive | None
    minutes: Positive | None
    money: Positive | None
    price_per_core_hour: Annotated[float, Field(ge=0)]
    # not written where it is not set, so that files of campaigns without it stay what they were
    approve_above: ApproveAbove | None = Field(default=None, exclude_if=lambda value: value is None)


class Breaker(Section):
    share: Annotated[float, Field(gt=0, le=1)]
    least: Count


class MlflowTracking(Section):
    kind: Literal["mlflow"]
    uri: Annotated[str | None, AfterValidator(check_no_credentials)] = None
    experiment: str = "reactal"


class NoTracking(Section):
    kind: Literal["none"]
    uri: str | None = None
    experiment: str = "reactal"
