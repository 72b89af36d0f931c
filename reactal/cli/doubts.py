"""Doubt about predictions from where they lie among labelled structures, for `reactal predict --labelled`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from reactal.chem import Frames
    from reactal.potentials.committee import Committee

__all__ = ["doubts"]


def doubts(committee: Committee, frames: Frames, labelled: Frames) -> dict[str, NDArray[np.float64]]:
    """A column for each kind: `doubt_latent_distance` in standard deviations of the features, the others in eV of the energy."""
    import numpy as np

    from reactal.errors import InputError
    from reactal.potentials.latent import latent_features
    from reactal.uncertainty.latent import KINDS, doubt_by

    if not np.isfinite(labelled.energy).all():
        raise InputError("the file of labelled structures has some without an energy; leave them out")
    known, asked = latent_features(committee, labelled), latent_features(committee, frames)
    misses = labelled.energy - committee.predict(labelled).energy
    return {f"doubt_{kind}": doubt_by(kind, known, misses).of(asked).structures for kind in KINDS}
