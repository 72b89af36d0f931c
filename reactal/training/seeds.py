"""Seeds that follow from where they are used, so that the same campaign gives the same numbers."""

from __future__ import annotations

import hashlib

__all__ = ["derive_seed"]


def derive_seed(campaign: int, *place: str | int) -> int:
    """31 bits from the campaign's seed and a place in it, such as ("train", iteration, member)."""
    text = "|".join(["seed-1", str(campaign), *(str(part) for part in place)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
