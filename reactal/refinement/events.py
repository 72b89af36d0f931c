"""What can happen in a night. A night is its events; they are only ever appended."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from reactal.refinement.plan import Tonight

__all__ = [
    "Arrival",
    "Concluded",
    "Event",
    "Gathered",
    "Group",
    "Judged",
    "Kept",
    "Met",
    "Opened",
    "Outcome",
    "PortionLabelled",
    "Taught",
    "TestSet",
    "parse_event",
]


class Outcome(StrEnum):
    """How a night ends."""

    PROMOTED = "promoted"
    KEPT = "kept"
    HALTED = "halted"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class _Event(_Value):
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For the journal, whose JSON knows no NaN; pydantic writes one as a word."""
        record: dict[str, Any] = json.loads(self.model_dump_json())
        return record


class TestSet(_Value):
    """Structures frozen as a test: its name, the hash it lies under, how many there are."""

    __test__ = False  # pytest would take it for one of its classes

    name: str
    sha256: str
    rows: int


class Opened(_Event):
    kind: Literal["opened"] = "opened"
    night: str
    began: str  # ISO time
    ends: str | None
    config: str  # sha256 of the resolved campaign file
    plan: Tonight
    champion: str  # model's id
    champion_from: str  # a sentence
    base: tuple[int, ...]  # versions of the data set that are learnt from, beside tonight's labels
    tests: tuple[TestSet, ...]  # frozen before tonight
    labels_before: int  # that the campaign and its nights have asked for


class Arrival(_Value):
    """One entry of the inbox as the champion sees it."""

    name: str
    kind: str
    file: str
    frames: int
    known: int  # labelled before
    outside: int  # of the others, outside the trust region
    disagreement: float  # median of the others, eV/angstrom


class Gathered(_Event):
    """What tonight's labels are chosen from, and the choice."""

    kind: Literal["gathered"] = "gathered"
    arrivals: tuple[Arrival, ...]
    trust: float  # eV/angstrom of disagreement
    weak_spots: int  # frames that the champion's own dynamics brought
    left_trust: int  # runs that ended at the trust region
    candidates: int
    batch: str  # pool
    batch_size: int
    dropped: dict[str, int]


class PortionLabelled(_Event):
    kind: Literal["portion_labelled"] = "portion_labelled"
    stop: int  # rows of the batch before it have been asked for
    asked: int
    computed: int
    reused: int
    failed: int
    failure_text: str
    core_seconds: float


class Met(_Value):
    """Tonight's labels of one source, against what the champion had said of them."""

    source: str
    structures: int
    force_mae: float  # eV/angstrom
    force_max: float


class Kept(_Event):
    """Tonight's labels are in the next version of the data set, or frozen as a test."""

    kind: Literal["kept"] = "kept"
    dataset: int
    rows: int
    new: int  # to train on
    frozen: tuple[TestSet, ...]
    met: tuple[Met, ...]


class Taught(_Event):
    kind: Literal["taught"] = "taught"
    model: str
    rows: int
    guard: str  # what keeps the old from being forgotten


class Group(_Value):
    """Champion and challenger on the same structures: mean errors (eV/angstrom of a force component, eV an atom for energies,
    kcal/mol for barriers), the difference and its interval; without one where a single number is compared."""

    name: str
    metric: str
    structures: int
    champion: float
    challenger: float
    low: float | None = None
    high: float | None = None
    verdict: str = ""  # better | worse | alike

    @property
    def change(self) -> float:
        return self.challenger - self.champion


class Judged(_Event):
    kind: Literal["judged"] = "judged"
    promote: bool
    why: str
    groups: tuple[Group, ...]
    left_out: int  # test structures that one of the two was trained on


class Concluded(_Event):
    kind: Literal["concluded"] = "concluded"
    outcome: Outcome
    why: str
    champion: str  # from here on


Event = Annotated[
    Opened | Gathered | PortionLabelled | Kept | Taught | Judged | Concluded,
    Field(discriminator="kind"),
]
_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def parse_event(data: dict[str, Any]) -> Event:
    """From the journal's JSON."""
    return _ADAPTER.validate_python(data, strict=False)
