"""All that a density training is asked, and the one place of its defaults: command line, flow and benchmark ask here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, final, get_args

from reactal.density.theory import DensityTheory
from reactal.errors import ConfigError

__all__ = ["DensityRequest", "Kind", "NetworkSpec", "Schooling", "Size", "TrainingPlan"]

Kind = Literal["atoms", "points", "unet", "combined"]
Size = Literal["tiny", "small", "medium", "large"]
SIZES: Mapping[str, tuple[int, int]] = {"tiny": (16, 2), "small": (32, 3), "medium": (64, 3), "large": (128, 4)}
"""Features (or channels of the finest mesh) and layers (or levels) of a size."""


@final
@dataclass(frozen=True)
class NetworkSpec:
    """`atoms`: an equivariant network from atoms to coefficients of functions around them. `points`: one network on what no
    rotation changes of a point. `unet`: a residual 3D U-Net on a mesh. `combined`: a U-Net whose channels are those features.

    `cutoff` in bohr, `spacing` of the mesh in bohr.
    """

    kind: Kind = "atoms"
    size: Size = "small"
    cutoff: float = 9.0
    spacing: float = 0.6
    elements: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ConfigError(f"density network {self.kind!r} is unknown; write one of {', '.join(get_args(Kind))}")
        if self.size not in SIZES:
            raise ConfigError(f"size {self.size!r} of a density network is unknown; write one of {', '.join(SIZES)}")
        object.__setattr__(self, "elements", tuple(self.elements))

    @property
    def features(self) -> int:
        return SIZES[self.size][0]

    @property
    def layers(self) -> int:
        return SIZES[self.size][1]

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "elements": list(self.elements)}


@final
@dataclass(frozen=True)
class TrainingPlan:
    """`steps` of `batch` molecules, or `minutes` of them if that is sooner (0: no limit). The rate falls from `rate` as a cosine.

    Validated every `validate_every` steps; given up after `patience` validations without a better one (0: never). The state is
    kept every `keep_every` steps where there is a place for it. With more than one of `threads` the same plan need not give the
    same weights to the last bit.
    """

    steps: int = 20_000
    minutes: float = 0.0
    batch: int = 4
    rate: float = 3e-3
    weight_decay: float = 1e-5
    clip: float = 1.0
    ema: float = 0.995
    warm_up: int = 50
    points: int = 500
    validate_every: int = 200
    patience: int = 0
    keep_every: int = 200
    threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "points", "validate_every", "keep_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} {getattr(self, name)} of a density training is less than 1")
        if not 0 < self.rate < 1:
            raise ConfigError(f"rate {self.rate} of a density training is no learning rate; write for example 0.003")


@final
@dataclass(frozen=True)
class Schooling:
    """How a committee is made: `minutes` of the plan are for all `members` together, `hold_out` is the share of the densities
    that none of them learns from."""

    spec: NetworkSpec = NetworkSpec()
    plan: TrainingPlan = TrainingPlan()
    members: int = 2
    hold_out: float = 0.1

    def __post_init__(self) -> None:
        if self.members < 1:
            raise ConfigError(f"{self.members} members are no committee of density networks; write 1 or more")
        if not 0 <= self.hold_out <= 0.5:
            raise ConfigError(f"hold_out {self.hold_out} of a density training is not in range; write 0 to 0.5")


@final
@dataclass(frozen=True)
class DensityRequest:
    """`source`: NAME or NAME@VERSION of a data set of densities, or a file of geometries, of each of which `vary` more are made.

    `name`: of the data set that a file becomes; empty: the file's own.
    """

    source: str
    out: str
    store: str
    schooling: Schooling = Schooling()
    vary: int = 0
    name: str = ""
    theory: DensityTheory = field(default_factory=DensityTheory)

    @classmethod
    def plainly(
        cls,
        source: str,
        out: str,
        store: str,
        *,
        network: Kind = NetworkSpec.kind,
        size: Size = NetworkSpec.size,
        steps: int = TrainingPlan.steps,
        minutes: float = TrainingPlan.minutes,
        patience: int = TrainingPlan.patience,
        seed: int = TrainingPlan.seed,
        members: int = Schooling.members,
        hold_out: float = Schooling.hold_out,
        vary: int = 0,
        name: str = "",
        functional: str = DensityTheory.functional,
        basis: str = DensityTheory.basis,
        grid_level: int = DensityTheory.grid_level,
    ) -> DensityRequest:
        """In one row, as a command line and a form ask for it. `ConfigError` names what is out of range."""
        plan = TrainingPlan(steps=steps, minutes=minutes, patience=patience, seed=seed)
        schooling = Schooling(NetworkSpec(network, size), plan, members, hold_out)
        theory = DensityTheory(functional=functional, basis=basis, grid_level=grid_level)
        return cls(source, out, store, schooling, vary, name, theory)

    def as_rows(self) -> dict[str, Any]:
        """Every setting by its own name, for whoever shows them."""
        schooling = asdict(self.schooling)
        spec, plan = schooling.pop("spec"), schooling.pop("plan")
        asked = {"source": self.source, "out": self.out, "store": self.store, "vary": self.vary, "name": self.name}
        return {**asked, "network": spec.pop("kind"), **spec, **plan, **schooling, **self.theory.as_json()}
