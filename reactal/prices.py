"""A file of prices, as `reactal estimate --prices` reads it. Prices are in the file's own currency."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self, final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from reactal.errors import ConfigError

__all__ = ["GpuMachine", "Machine", "Prices", "Services", "Storage", "WorkMachine", "read_prices"]

NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]


class _Prices(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="after")
    def _ranges_in_order(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, tuple) and value[0] > value[1]:
                raise ValueError(f"{name} is a range, the lower number first")
        return self


class Machine(_Prices):
    """What one costs an hour, on demand."""

    machine: str
    cores: Annotated[int, Field(ge=1)]
    hour: NotNegative


class WorkMachine(Machine):
    """One that may be had cheaper where it may be taken away."""

    spot_share: tuple[Share, Share]
    """Of the price on demand."""
    interruptions_an_hour: tuple[NotNegative, NotNegative]


class GpuMachine(WorkMachine):
    times_a_core: tuple[Positive, Positive]
    """How many times faster than one core of the machines of the labels it trains and explores."""


class Services(_Prices):
    hour: NotNegative
    what: str


class Storage(_Prices):
    gib_month: NotNegative
    thousand_writes: NotNegative
    thousand_reads: NotNegative


@final
class Prices(_Prices):
    currency: str
    source: str
    labels: WorkMachine
    training: GpuMachine
    driver: Machine
    services: Services
    storage: Storage

    @property
    def core_hour(self) -> float:
        """Of a label, on demand: what `budget.price_per_core_hour` should say."""
        return self.labels.hour / self.labels.cores


def read_prices(file: Path) -> Prices:
    """`ConfigError` for a file that is none."""
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{file} is no readable file of prices: {' '.join(str(error).split())}") from error
    try:
        return Prices.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigError(f"{file}: {where}: {first['msg']}; infra/prices/aws.yaml shows how it should be") from error
