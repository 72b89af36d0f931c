"""What a network is, apart from its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, final, get_args

from reactal.errors import ConfigError

__all__ = ["Architecture", "Kind", "Says"]

Kind = Literal["painn", "schnet", "so3net", "field_schnet"]
Says = Literal["energy", "noise", "evidence"]


@final
@dataclass(frozen=True)
class Architecture:
    """A representation by name and size; cutoff in angstrom.

    PaiNN takes norms of vector features as sqrt(v² + smoothing). Where symmetry makes those vectors vanish, as at a trigonal
    carbon in an SN2 saddle, the usual 1e-8 leaves a cusp: curvatures of -10 eV/angstrom² where -2 is right. SO3net has spherical
    harmonics up to l = 2. FieldSchNet is in no field here: SchNet with dipoles on the atoms that act on each other.
    With `states` the network knows each structure's charge and number of unpaired electrons. Several `heads` read one
    representation, and are a committee of their own; with `dropout` they are one head, each without another such share of its
    hidden units. A head may say more than the energy: the `noise` of its labels, or the `evidence` that it has for what it says.
    """

    kind: Kind = "painn"
    features: int = 32
    interactions: int = 3
    cutoff: float = 5.0
    radial: int = 20
    smoothing: float = 0.3
    states: bool = False
    heads: int = 1
    dropout: float = 0.0
    says: Says = "energy"

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ConfigError(f"there is no model {self.kind!r}; write one of: {', '.join(get_args(Kind))}")
        if min(self.features, self.radial) < 2 or min(self.interactions, self.heads) < 1 or not self.cutoff > 0:
            raise ConfigError(
                f"a model needs 2 features, 1 interaction, 1 head, 2 radial functions and a cutoff at least, not {self}"
            )
        if not 0 <= self.dropout < 1 or (self.dropout and (self.heads == 1 or self.features < 4)):
            raise ConfigError(f"dropout is a share below 1, for 4 features and 2 heads at least, which are its masks, not {self}")
        if self.says not in get_args(Says) or (self.says == "evidence" and self.heads > 1):
            raise ConfigError(f"a model says one of {', '.join(get_args(Says))}, and evidence with one head, not {self}")

    @property
    def plain(self) -> bool:
        """Whether versions that knew neither states nor heads can read its weights."""
        return not self.states and self.heads == 1

    @property
    def early(self) -> bool:
        """Whether versions that knew neither dropout nor more words than the energy can read its weights."""
        return not self.dropout and self.says == "energy"

    def as_json(self) -> dict[str, Any]:
        """What differs from no setting at all is left out where it came later: those files stay what they were."""
        later = {"states": False, "heads": 1, "dropout": 0.0, "says": "energy"}
        return {name: value for name, value in asdict(self).items() if name not in later or value != later[name]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Architecture:
        return cls(**data)
