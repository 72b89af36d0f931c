"""The campaign file's section of training: how the committee learns from its labels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Training"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]


class Trainer(BaseModel):
    """Of Lightning's Trainer, what changes no number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profiler: Literal["none", "simple"]
    detect_anomaly: bool


class Training(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    baseline: Literal["auto", "none", "gfn1", "gfn2"]
    steps_first: Count
    steps_warm: Count
    learning_rate: Positive
    learning_rate_warm: Positive
    weight_decay: NotNegative
    batch: Count
    ema: Share
    clip: Positive
    energy_weight: NotNegative
    force_weight: Positive
    force_scale: Positive
    loss: Literal["squared", "huber", "heteroscedastic"]
    huber_energy: Positive
    huber_force: Positive
    saddle_weight: Annotated[float, Field(ge=1)]
    validation_share: Annotated[float, Field(ge=0, le=0.5)]
    force_limit: Positive
    energy_limit: Positive
    checkpoint_steps: Annotated[int, Field(ge=0)]
    processes: Count
    stacked: bool
    compile_from: Annotated[int, Field(ge=0)]
    buckets: Annotated[int, Field(ge=0, le=16)]
    stream_from: Count
    continual: Literal["none", "replay", "ewc", "distil"]
    replay_share: Annotated[float, Field(ge=0, lt=1)]
    replay_buffer: Annotated[int, Field(ge=0)]
    ewc_strength: Positive
    scratch_every: Annotated[int, Field(ge=0)]
    start_from: str | None
    transfer: Literal["full", "features", "gradual", "adapters"]
    adapter_rank: Count
    representation_rate: Positive
    trainer: Trainer

    @model_validator(mode="after")
    def _transfer_has_a_start(self) -> Training:
        if self.transfer != "full" and self.start_from is None:
            raise ValueError(f"transfer: {self.transfer} needs start_from, the model whose representation it keeps")
        return self
