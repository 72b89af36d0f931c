"""Campaigns on reactions drawn by lot from RDB7: small, closed-shell, neutral. Read from the published data, never copied."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import yaml

__all__ = ["RDB7", "drawn", "write_campaign"]

RDB7 = Path(__file__).parents[2] / "shared" / "data" / "barriers" / "rdb7" / "rdb7_dev.npz"
LARGEST = 9  # atoms
SEED = 30


def drawn(count: int, *, data: Path = RDB7) -> list[int]:
    """Numbers of reactions, always the same ones: a longer sample begins with the shorter."""
    with np.load(data, allow_pickle=False) as file:
        small = [int(number) for number, atoms in zip(file["rxn"], file["n_atoms"], strict=True) if atoms <= LARGEST]
    random.Random(SEED).shuffle(small)
    return small[:count]


def write_campaign(number: int, folder: Path, *, data: Path = RDB7) -> Path:
    """A campaign file with nothing but the two ends and the theory; the published saddle is not looked at."""
    from ase import Atoms
    from ase.io import write

    folder.mkdir(parents=True, exist_ok=True)
    with np.load(data, allow_pickle=False) as file:
        at = int(np.flatnonzero(file["rxn"] == number)[0])
        rows = slice(*file["offsets"][at : at + 2])
        for name, column in (("reactant", "pos_r"), ("product", "pos_p")):
            write(folder / f"{name}.xyz", Atoms(file["numbers"][rows], file[column][rows]), format="xyz")
    tree = {"name": folder.name, "reactant": "reactant.xyz", "product": "product.xyz", "theory": "hf/6-31g*"}
    campaign = folder / "campaign.yaml"
    campaign.write_text(yaml.safe_dump(tree, sort_keys=False))
    return campaign
