"""What `reactal tune` searches, in one table: keys of a campaign file, where a training has them, and from where to where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, final

from reactal.training.settings import TrainingSettings

__all__ = ["KNOBS", "Knob", "as_sections", "turned", "value_of"]

Value = int | float


@final
@dataclass(frozen=True)
class Knob:
    """`key` as a campaign file has it, `place` as `TrainingSettings` has it; `scale` says how values between are drawn."""

    key: str
    place: str
    low: Value
    high: Value
    scale: Literal["even", "log"] = "even"

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int)


KNOBS: tuple[Knob, ...] = (
    Knob("training.learning_rate", "learning_rate_first", 5e-4, 2e-2, "log"),
    Knob("training.weight_decay", "weight_decay", 1e-4, 1e-1, "log"),
    Knob("training.batch", "batch", 4, 32, "log"),
    Knob("training.ema", "ema_decay", 0.95, 0.999),
    Knob("training.energy_weight", "energy_weight", 0.05, 5.0, "log"),
    Knob("model.features", "architecture.features", 16, 64, "log"),
    Knob("model.interactions", "architecture.interactions", 1, 4),
    Knob("model.cutoff", "architecture.cutoff", 3.5, 6.5),
)
"""Steps are none of them: more are better and dearer, which is the user's to weigh."""


def turned(settings: TrainingSettings, values: Mapping[str, Value]) -> TrainingSettings:
    """The settings with these values, by the keys of `KNOBS`."""
    by_key = {knob.key: knob.place for knob in KNOBS}
    own: dict[str, Any] = {}
    of_model: dict[str, Any] = {}
    for key, value in values.items():
        _, dot, name = by_key[key].rpartition(".")
        (of_model if dot else own)[name] = value
    return replace(settings, architecture=replace(settings.architecture, **of_model), **own)


def value_of(settings: TrainingSettings, knob: Knob) -> Value:
    """As the settings have it."""
    here: Any = settings
    for name in knob.place.split("."):
        here = getattr(here, name)
    value: Value = here
    return value


def as_sections(values: Mapping[str, Value]) -> dict[str, dict[str, Value]]:
    """Sections of a campaign file; four digits are more than any search can tell apart."""
    sections: dict[str, dict[str, Value]] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value if isinstance(value, int) else float(f"{value:.4g}")
    return sections
