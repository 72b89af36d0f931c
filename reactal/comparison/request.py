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

    pool: Annotated[str, Field(title="Pool", description="Labelled geometries: a file, or NAME@VERSION in the store.")]
    tests: Annotated[
        tuple[str, ...], Field(min_length=1, title="Tests", description="FILE, or REGION=FILE for all of whose rows are of it.")
    ]
    out: Annotated[str, Field(title="Output", description="A folder for figure, table, numbers and finished rounds.")]
    strategies: Annotated[
        tuple[str, ...],
        Field(min_length=1, title="Strategies", description="Names, or ACQUISITION+CHOOSER; random is always there."),
    ] = ("campaign", "disagreement", "farthest")
    seeds: Annotated[Count, Field(title="Seeds", description="How often all is done; fewer than 3 give no interval.")] = 5
    first_seed: Annotated[int, Field(ge=0, title="First seed")] = 0
    start: Annotated[Count, Field(title="Start", description="Labels by lot that all strategies of a seed begin with.")] = 20
    batch: Annotated[Count, Field(title="Batch", description="Labels in a round.")] = 20
    rounds: Annotated[Count, Field(title="Rounds", description="After the start.")] = 4
    candidates: Annotated[int, Field(ge=0, title="Candidates", description="Shown in a round; 0: all.")] = 0
    target: Annotated[
        Annotated[float, Field(gt=0)] | None, Field(title="Target", description="Force error, eV/Å; empty: random's at the end.")
    ] = None
    members: Annotated[Annotated[int, Field(ge=2)] | None, Field(title="Members", description="Networks in the committee.")] = (
        None
    )
    steps: Annotated[Count | None, Field(title="Steps", description="Of the first round; later ones take half.")] = None
    scratch: Annotated[bool, Field(title="From scratch", description="Train every round anew, not on from the last.")] = False
    campaign: Annotated[str | None, Field(title="Settings from", description="A campaign file: model and training.")] = None
    store: Annotated[str | None, Field(title="Store", description="Where rounds are kept; empty: in the folder.")] = None
    cluster: Annotated[str, Field(title="Cluster", description="local, none, or a scheduler, tcp://host:port.")] = "local"
    slots: Annotated[int, Field(ge=0, title="Slots", description="Workers of the local cluster; 0: one for each core.")] = 0
    tracking: Annotated[str | None, Field(title="Tracking", description="MLflow's URI, or none; empty: in the folder.")] = None
