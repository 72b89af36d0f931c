"""The campaign file's section of explorers: what moves replicas beside the dynamics of `exploration`, in which rounds."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["METHODS", "Explorer", "Explorers", "Method"]

Method = Literal["dynamics", "metadynamics", "umbrella", "steered", "uncertainty", "exchange"]
METHODS: tuple[Method, ...] = get_args(Method)

Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Explorer(_Section):
    """One line of the schedule. A pair is the value in the first round and that from round `explorers.over` on."""

    method: Method
    weight: NotNegative | tuple[NotNegative, NotNegative] = 1.0
    temperature: Positive | tuple[Positive, Positive] = 300.0  # K
    length: Positive = 200.0  # fs
    first: Annotated[int, Field(ge=0)] = 0  # round
    last: Annotated[int, Field(ge=0)] | None = None
    variables: tuple[str, ...] = ()  # as `reactal explore --cv` has them; none: from the bonds that differ between the ends

    def weight_at(self, round_: int, over: int) -> float:
        """Nothing in rounds that are not its."""
        within = self.first <= round_ and (self.last is None or round_ <= self.last)
        return _between(self.weight, round_, over) if within else 0.0

    def temperature_at(self, round_: int, over: int) -> float:
        return _between(self.temperature, round_, over)


class Explorers(_Section):
    schedule: tuple[Explorer, ...]
    replicas: Count
    check_every: Count
    over: Count
    bandit: bool

    @property
    def roles(self) -> tuple[str, ...]:
        """What the frames of each line are called: its method, numbered where that stands there twice or is plain dynamics."""
        methods = [line.method for line in self.schedule]
        alone = {method for method in methods if methods.count(method) == 1 and method != "dynamics"}
        return tuple(m if m in alone else f"{m} {methods[: row + 1].count(m)}" for row, m in enumerate(methods))


def _between(value: float | tuple[float, float], round_: int, over: int) -> float:
    if not isinstance(value, tuple):
        return value
    return value[0] + (value[1] - value[0]) * min(1.0, round_ / over)
