"""The campaign file's section of training: how the committee learns from its labels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Callback", "Precision", "Training"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]


Precision = Literal["32-true", "tf32", "bf16-mixed", "64-true"]
Callback = Literal["progress_bar", "gradient_norm", "peak_memory"]


class Trainer(BaseModel):
    """Of Lightning's Trainer; all but the precision changes no number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profiler: Literal["none", "simple"]
    detect_anomaly: bool
    # neither is written where it is not set, so that files of campaigns without them stay what they were
    precision: Precision = Field(default="32-true", exclude_if=lambda value: value == "32-true")
    callbacks: tuple[Callback, ...] = Field(default=(), exclude_if=lambda value: not value)


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
    stacked: Literal[True, False, "never"]
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
