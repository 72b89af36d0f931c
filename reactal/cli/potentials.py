"""What a command searches on: a model, or GFN-xTB by its name where no model is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.errors import InputError

if TYPE_CHECKING:
    from reactal.potentials.base import Potential

__all__ = ["DEVICE", "MODEL_HELP", "DeviceOption", "of_campaign", "open_potential", "state_of_model"]

DEVICE = "cpu"
DeviceOption = Annotated[
    str | None, typer.Option(help="Where networks compute: auto (an NVIDIA GPU where there is one), cpu, cuda or cuda:1.")
]

MODEL_HELP = "Folder or URL of a model; a campaign file; or gfn2, gfn1 for GFN-xTB itself."


def open_potential(name: str) -> Potential:
    """The potential of that name."""
    if name in ("gfn1", "gfn2"):
        from reactal.potentials.xtb import XtbPotential, xtb_is_installed

        if not xtb_is_installed():
            raise InputError(f"{name} needs tblite: pip install tblite; or name a model")
        return XtbPotential(name)
    if name.endswith((".yaml", ".yml")):
        from reactal.runner import Campaign

        with Campaign(name) as driver:
            newest: Potential = driver.potential.potential
            return newest
    from reactal.potentials.export import read_committee

    return read_committee(name, device=DEVICE)


def of_campaign(device: str | None) -> list[str]:
    """The option as a setting of a campaign file, which has its own where the option is not given."""
    return [] if device is None else [f"resources.device={device}"]


def state_of_model(potential: Potential, charge: int | None, multiplicity: int | None) -> dict[str, Any]:
    """Charge and multiplicity as given, else the model's own, else None: the file's."""
    about = getattr(potential, "about", {})
    return {
        "charge": about.get("charge") if charge is None else charge,
        "multiplicity": about.get("multiplicity") if multiplicity is None else multiplicity,
    }
