"""One member as bytes: safetensors whose header says what the tensors belong to. Never a pickle."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from safetensors import SafetensorError
from safetensors.torch import load, save

from reactal.errors import DamagedPotential
from reactal.potentials.architecture import Architecture
from reactal.potentials.baseline import Baseline
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import EnergyNetwork

__all__ = ["Member"]

SCHEMA = "member-1"
WITH_BASELINE = "member-2"  # so that a version that knows of no baseline does not leave it away
NOT_PLAIN = "member-3"  # a network that knows charges and multiplicities, or has several heads; a baseline where one is named
SAYS_MORE = "member-4"  # a network with dropout, or one that says more than the energy
KNOWN = (SCHEMA, WITH_BASELINE, NOT_PLAIN, SAYS_MORE)


@final
@dataclass(frozen=True, eq=False)
class Member:
    """A network with the reference energies, the prior and, where there is one, the baseline it was trained against.

    `fold` decides which structures are held out from it, so that it never trains on them when it is trained further.
    """

    network: EnergyNetwork
    references: References
    prior: ScreenedRepulsion
    fold: int = 0
    baseline: Baseline | None = None

    @property
    def _schema(self) -> str:
        if not self.network.architecture.early:
            return SAYS_MORE
        if not self.network.architecture.plain:
            return NOT_PLAIN
        return SCHEMA if self.baseline is None else WITH_BASELINE

    def to_bytes(self) -> bytes:
        """The same bytes for the same weights."""
        header: dict[str, Any] = {
            "schema": self._schema,
            "architecture": self.network.architecture.as_json(),
            "references": self.references.as_json(),
            "prior": {"reach": self.prior.reach},
            "fold": self.fold,
            "units": {"energy": "eV", "length": "angstrom"},
        }
        if self.baseline is not None:
            header["baseline"] = {"method": self.baseline.method}
        # float32 is what training works in: a network that was widened to float64 loses nothing
        state = self.network.state_dict()
        tensors = {name: (t.float() if t.is_floating_point() else t).contiguous().cpu() for name, t in state.items()}
        # one key only: safetensors writes several in no fixed order
        return save(tensors, {"reactal": json.dumps(header, sort_keys=True)})

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str = "member") -> Member:
        """`DamagedPotential` where the bytes are not such a member."""
        header = _header(data, name)
        try:
            network = EnergyNetwork(Architecture.from_json(header["architecture"]))
            network.load_state_dict(load(data))
            references, prior = References.from_json(header["references"]), ScreenedRepulsion(**header["prior"])
            baseline = Baseline(**header["baseline"]) if header["schema"] == WITH_BASELINE or "baseline" in header else None
            return cls(network, references, prior, int(header["fold"]), baseline)
        except (SafetensorError, RuntimeError, KeyError, TypeError) as error:
            raise DamagedPotential(f"the weights {name} cannot be read ({error}); train or fetch them again") from error


def _header(data: bytes, name: str) -> Mapping[str, Any]:
    try:
        (length,) = struct.unpack("<Q", data[:8])  # safetensors: header length, header as JSON, tensors
        header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["reactal"])
        schema = header["schema"]
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise DamagedPotential(f"{name} is no safetensors file written by reactal") from error
    if schema not in KNOWN:
        raise DamagedPotential(f"{name} has the format {schema}, this version reads {', '.join(KNOWN)}; update reactal")
    found: Mapping[str, Any] = header
    return found
