"""What a committee makes of a structure before its last layer: vectors in which distance and doubt can be measured.

Each network's energy is linear in them: E = w · x + b N, x the input of the last layer summed over the N atoms. So they are the
right basis for a Gaussian posterior of the last layer's weights, and for the information that a label would add to it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.potentials.batch import AtomBatch, chunks, collate
from reactal.potentials.committee import Committee
from reactal.potentials.schnetpack import EnergyNetwork

__all__ = ["latent_features"]

Singles = NDArray[np.float32]


def latent_features(committee: Committee, frames: Frames) -> Singles:
    """The inputs of the last layers of all networks and heads side by side, summed over atoms: (n, F).

    They do not change under translation, rotation, reflection and the exchange of like atoms.
    """
    return committee.portions.fitted(lambda pairs: _in_chunks(committee, frames, pairs))


def _in_chunks(committee: Committee, frames: Frames, pairs: int) -> Singles:
    parts: list[Singles] = []
    for run in chunks(frames, pairs=pairs):
        batch = collate(frames[run], committee.architecture.cutoff, dtype=committee.dtype).to(committee.device)
        parts.append(np.concatenate([_summed(network, batch) for network in committee.networks], axis=1))
    return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)


def _summed(network: EnergyNetwork, batch: AtomBatch) -> Singles:
    """The network's own forward pass is watched, so that states and fields are as it has them."""
    seen: list[torch.Tensor] = []
    heads = [network.outnet, *network.others]
    watches = [head[0].register_forward_hook(lambda _layer, _inputs, hidden: seen.append(hidden)) for head in heads]
    try:
        with torch.no_grad():
            network(batch, every_head=True)
    finally:
        for watch in watches:
            watch.remove()
    hidden = torch.cat(seen, dim=1)  # (A, heads * H)
    total = hidden.new_zeros(batch.structures, hidden.shape[1]).index_add(0, batch.owner, hidden)
    return np.asarray(total.float().cpu().numpy())
