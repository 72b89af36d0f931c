"""What a person asks of `reactal compare`, checked as far as it can be without reading a file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Request"]

Count = Annotated[int, Field(ge=1)]


class Request(BaseModel):
    """Files are relative to the working folder; pool and tests may be NAME[@VERSION] in `store`, too.

    tests: FILE, or REGION=FILE for all of whose rows are of that region. seeds: how many, from `first_seed` on. target: force
    error in eV/angstrom. candidates: how many structures a strategy is shown each round, 0 for all. members, steps, campaign:
    how is trained; the numbers win over the campaign file. cluster: none, local or a scheduler's address. tracking: MLflow's
    URI, "none", or nothing for a database of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pool: str
    tests: Annotated[tuple[str, ...], Field(min_length=1)]
    out: str
    strategies: Annotated[tuple[str, ...], Field(min_length=1)] = ("campaign", "disagreement", "farthest")
    seeds: Count = 5
    first_seed: Annotated[int, Field(ge=0)] = 0
    start: Count = 20
    batch: Count = 20
    rounds: Count = 4
    candidates: Annotated[int, Field(ge=0)] = 0
    target: Annotated[float, Field(gt=0)] | None = None
    members: Annotated[int, Field(ge=2)] | None = None
    steps: Count | None = None
    scratch: bool = False
    campaign: str | None = None
    store: str | None = None
    cluster: str = "local"
    slots: Annotated[int, Field(ge=0)] = 0
    tracking: str | None = None
