"""The level at which densities are learned: pseudopotentials, so that what is learned is smooth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, final

from reactal.errors import ConfigError

__all__ = ["DensityTheory"]


@final
@dataclass(frozen=True)
class DensityTheory:
    """A density functional in a Gaussian basis with pseudopotentials; everything here changes the numbers.

    The Coulomb energy is density-fitted, in the reference as in the one-shot: even-tempered functions whose exponents are
    `fitting_ratio` apart, up to the angular momentum `fitting_angular`. `grid_level` is PySCF's, `convergence` in hartree.
    """

    functional: str = "pbe"
    basis: str = "gth-dzvp"
    pseudo: str = "gth-pbe"
    grid_level: int = 2
    fitting_ratio: float = 1.8
    fitting_angular: int = 4
    convergence: float = 1e-9

    def __post_init__(self) -> None:
        if not 0 <= self.grid_level <= 9:
            raise ConfigError(f"grid_level {self.grid_level} of a density theory is none of PySCF's; write 0 to 9")
        if not 1.3 <= self.fitting_ratio <= 4.0:
            raise ConfigError(f"fitting_ratio {self.fitting_ratio} gives no useful basis; write 1.3 to 4, for example 2.0")
        if not 1 <= self.fitting_angular <= 4:
            raise ConfigError(f"fitting_angular {self.fitting_angular} is not in range; write 1 to 4")

    @cached_property
    def fingerprint(self) -> str:
        """24 hexadecimal digits over everything above."""
        text = json.dumps(["density-theory-1", self.as_json()], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    @property
    def name(self) -> str:
        return f"{self.functional}/{self.basis}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DensityTheory:
        """`ConfigError` where something else stands in it."""
        try:
            return cls(**data)
        except TypeError as error:
            raise ConfigError(f"a density theory cannot be read ({error})") from error
