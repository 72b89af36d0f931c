"""The campaign file's section of monitoring: where Prometheus may read how it stands. Nothing in it changes a number."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Monitoring"]


class Monitoring(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Of the driver's page of metrics; None: there is none."""
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]+$")] = "127.0.0.1"
    """The address it listens at; 0.0.0.0 in a container, where the network is its own."""
