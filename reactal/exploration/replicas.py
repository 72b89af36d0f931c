"""What is to be moved: structures, each with its bath, its time step and its seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.chem import Frames
from reactal.errors import InputError

__all__ = ["Replicas"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Replicas:
    """n replicas with A atoms, sizes mixed: frames with charges, multiplicities and cells; temperatures (n,) K; timesteps (n,)
    fs; seeds (n,); fixed (A,), the atoms that stay where they are."""

    frames: Frames
    temperatures: Floats
    timesteps: Floats
    seeds: NDArray[np.int64]
    fixed: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        frames: Frames,
        *,
        temperatures: ArrayLike = 300.0,
        timesteps: ArrayLike = 0.5,
        seed: int = 0,
        fixed: ArrayLike | None = None,
    ) -> Replicas:
        """One value for all or one each; replica i has the seed `seed` + i. `InputError` for what cannot be moved."""
        n = len(frames)
        baths, times = (np.broadcast_to(np.asarray(v, dtype=np.float64), (n,)).copy() for v in (temperatures, timesteps))
        still = np.zeros(len(frames.numbers), dtype=bool) if fixed is None else np.asarray(fixed, dtype=bool)
        if not (np.isfinite(baths).all() and (baths >= 0).all()):
            raise InputError("temperatures must be finite and not below 0 K")
        if not (np.isfinite(times).all() and (times > 0).all()):
            raise InputError("time steps must be finite and above 0 fs; 0.5 is usual with hydrogen")
        if still.shape != frames.numbers.shape:
            raise InputError(
                f"`fixed` names {len(still)} atoms and there are {len(frames.numbers)}; give one value for each atom"
            )
        if n and (np.add.reduceat(~still, frames.offsets[:-1]) == 0).any():
            raise InputError("a replica whose atoms are all fixed cannot move; free one atom at least")
        return cls(frames, baths, times, seed + np.arange(n, dtype=np.int64), still)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def moving(self) -> Floats:
        """Atoms of each replica that are not fixed (n,)."""
        return np.add.reduceat(~self.fixed, self.frames.offsets[:-1]).astype(np.float64) if len(self) else np.zeros(0)
