"""The campaign file's section of resources: what labels may use. Nothing in it changes a number."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Resources", "SizeRule"]

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0)]
MemoryMib = Annotated[int, Field(ge=200)]
Rung = Literal["default", "other_guess", "damping", "second_order", "second_order_other_guess", "small_steps"]


class SizeRule(BaseModel):
    """What structures of so many atoms and more get."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    atoms_from: Count
    threads: Count
    memory_mib: MemoryMib


class Resources(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    slots: Annotated[int, Field(ge=0)]
    threads: Count
    memory_mib: MemoryMib
    by_size: tuple[SizeRule, ...]
    timeout_seconds: Positive
    attempts: Count
    ladder: Annotated[tuple[Rung, ...], Field(min_length=1)]
    reuse_guess: bool
    labels_per_process: Count
    growth_mib: Count
    psi4: str | None
    scratch: str | None

    def threads_for(self, atoms: int) -> int:
        """Of the program that labels a structure of so many atoms."""
        rules = [rule for rule in self.by_size if rule.atoms_from <= atoms]
        return max(rules, key=lambda rule: rule.atoms_from).threads if rules else self.threads
