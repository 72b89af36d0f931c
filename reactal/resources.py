"""The campaign file's section of resources: what labels may use, and where networks compute. Nothing in it changes a number but
by rounding."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

__all__ = ["Resources", "SizeRule", "SlotClass"]

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0)]
LEAST_MIB = 200
MemoryMib = Annotated[int, Field(ge=LEAST_MIB)]


def _some_or_learnt(mib: int) -> int:
    if 0 < mib < LEAST_MIB:
        raise ValueError(f"must be at least {LEAST_MIB}, or 0 for what labels of its kind have needed")
    return mib


Rung = Literal["default", "other_guess", "damping", "second_order", "second_order_other_guess", "small_steps"]


class SizeRule(BaseModel):
    """What structures of so many atoms and more get."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    atoms_from: Count
    threads: Count
    memory_mib: MemoryMib


class SlotClass(BaseModel):
    """Slots that are alike: a label is computed by one that has the memory it needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slots: Count
    threads: Count
    memory_mib: MemoryMib


class Resources(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    slots: Annotated[int, Field(ge=0)]
    threads: Count
    memory_mib: Annotated[int, Field(ge=0), AfterValidator(_some_or_learnt)]
    classes: tuple[SlotClass, ...]
    by_size: tuple[SizeRule, ...]
    timeout_seconds: Positive
    attempts: Count
    ladder: Annotated[tuple[Rung, ...], Field(min_length=1)]
    reuse_guess: Literal[True, False, "learned"]
    labels_per_process: Count
    growth_mib: Count
    psi4: str | None
    scratch: str | None
    # not written where it is not set, so that files of campaigns without it stay what they were
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = Field(
        default="cpu", exclude_if=lambda value: value == "cpu"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.classes and self.by_size:
            raise ValueError("classes and by_size both say what a structure gets; leave one of them out")
        kinds = [(given.threads, given.memory_mib) for given in self.classes]
        if len(kinds) > len(set(kinds)):
            raise ValueError("two of the classes have the same threads and memory_mib; add their slots")
        return self

    def threads_for(self, atoms: int) -> int:
        """Of the program that labels a structure of so many atoms."""
        rules = [rule for rule in self.by_size if rule.atoms_from <= atoms]
        return max(rules, key=lambda rule: rule.atoms_from).threads if rules else self.threads
