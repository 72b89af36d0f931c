"""What a command searches on: a model, or GFN-xTB by its name where no model is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reactal.errors import InputError

if TYPE_CHECKING:
    from reactal.potentials.base import Potential

__all__ = ["MODEL_HELP", "open_potential", "state_of_model"]

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
            of_campaign: Potential = driver.potential.potential
            return of_campaign
    from reactal.potentials.export import read_committee

    return read_committee(name)


def state_of_model(potential: Potential, charge: int | None, multiplicity: int | None) -> dict[str, Any]:
    """Charge and multiplicity as given, else the model's own, else None: the file's."""
    about = getattr(potential, "about", {})
    return {
        "charge": about.get("charge") if charge is None else charge,
        "multiplicity": about.get("multiplicity") if multiplicity is None else multiplicity,
    }
