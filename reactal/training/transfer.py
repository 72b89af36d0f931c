"""Starting from a model that was trained elsewhere: on another reaction, on another theory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reactal.chem import Frames
from reactal.chem.elements import SYMBOLS
from reactal.errors import ConfigError, TooFewLabels
from reactal.potentials.committee import Committee
from reactal.potentials.references import References
from reactal.training.settings import TrainingSettings

__all__ = ["starts_from"]


def starts_from(model: Committee, frames: Frames, settings: TrainingSettings, *, members: int) -> list[bytes]:
    """The weights that each member starts from; a model of fewer members gives its own in turn.

    Reference energies are shifted by what the model leaves of these labels: another theory's totals lie elsewhere.
    `ConfigError` where the model is no start for them.
    """
    _require_fit(model, frames, settings)
    rest = settings.left_of(frames[np.flatnonzero(frames.labelled)])
    rest = rest[np.flatnonzero(rest.labelled)]
    if not len(rest):
        raise TooFewLabels("there is no labelled structure to train on; label some first")
    left = rest.energy - replace(model, baseline=None, about={}).predict(rest).energy
    shift = dict(References.fit(replace(rest, energy=left)).energies)
    references = References(tuple((z, energy + shift.get(z, 0.0)) for z, energy in model.references.energies))
    own = [replace(member, references=references) for member in model.members()]
    return [own[number % len(own)].to_bytes() for number in range(members)]


def _require_fit(model: Committee, frames: Frames, settings: TrainingSettings) -> None:
    missing = sorted(set(frames.numbers.tolist()) - set(model.references.elements))
    if missing:
        raise ConfigError(
            f"the model to start from was trained on {_symbols(model.references.elements)} and knows nothing of "
            f"{_symbols(missing)}; start from one that does, or train from scratch"
        )
    for name, found, wanted in (
        ("of", model.architecture, settings.architecture),
        ("on the baseline", model.baseline, settings.baseline),
        ("with the prior's reach", model.prior.reach, settings.prior_reach),
    ):
        if found != wanted:
            raise ConfigError(f"the model to start from is {name} {found}, not {wanted}; make the settings the same")


def _symbols(elements: Sequence[int]) -> str:
    return ", ".join(SYMBOLS[z] for z in elements)
