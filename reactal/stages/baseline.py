"""Which cheap method a campaign's models are trained on top of: settled once, on the first path, and kept in the journal.

The reactions of benchmarks/reactions.py took a fifth more labels in the median without GFN2-xTB underneath (docs/performance.md);
but a prediction is worth nothing where it does not converge, so that `auto` takes it only where it holds from end to end.
"""

from __future__ import annotations

import numpy as np

from reactal.chem import Frames
from reactal.errors import ConfigError, UnknownElement

__all__ = ["settled_baseline"]

OF_ELECTRONS = ("psi4", "pyscf", "qcengine")  # programs whose energies GFN-xTB is a model of
AUTO = "gfn2"


def settled_baseline(wanted: str, program: str, path: Frames) -> str:
    """The baseline by name, or `none`. `ConfigError` where the campaign file names one that fails on the path."""
    if wanted == "none" or (wanted == "auto" and program not in OF_ELECTRONS):
        return "none"
    problem = _problem(AUTO if wanted == "auto" else wanted, path)
    if wanted == "auto":
        return "none" if problem else AUTO
    if problem:
        raise ConfigError(f"training.baseline: {wanted} cannot be used: {problem}; write none, or leave it at auto")
    return wanted


def _problem(name: str, path: Frames) -> str | None:
    from reactal.potentials.baseline import Baseline
    from reactal.potentials.xtb import xtb_is_installed

    if not xtb_is_installed():
        return "tblite is not installed"
    try:
        said = Baseline(name).predict(path)
    except UnknownElement as error:
        return str(error)
    lost = int((~np.isfinite(said.energy)).sum())
    return f"it does not converge at {lost} of the {len(path)} images of the first path" if lost else None
