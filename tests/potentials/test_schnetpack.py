"""Our networks are SchNetPack's: same weights, same energies and forces."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.chem.convert import to_ase
from reactal.errors import ConfigError
from reactal.potentials.architecture import Architecture, Kind
from reactal.potentials.batch import collate
from reactal.potentials.harmonics import ANGULAR, SphericalHarmonics
from reactal.potentials.schnetpack import EnergyNetwork, build_network
from tests.potentials.surface import KINDS, METHANOL, WATER, labelled, stirred

AGREEMENT = 1e-5  # eV and eV/angstrom, in float32


def schnetpacks_own(network: EnergyNetwork, frames: Frames) -> tuple[torch.Tensor, torch.Tensor]:
    """Energies and forces by SchNetPack's model, head and neighbour list with the network's weights."""
    import schnetpack

    head = schnetpack.atomistic.Atomwise(n_in=network.architecture.features, output_key="energy")
    head.outnet.load_state_dict(network.outnet.state_dict())
    model = schnetpack.model.NeuralNetworkPotential(
        network.representation,
        input_modules=[schnetpack.atomistic.PairwiseDistances()],
        output_modules=[head, schnetpack.atomistic.Forces(energy_key="energy", force_key="forces")],
    )
    converter = schnetpack.interfaces.AtomsConverter(
        neighbor_list=schnetpack.transform.ASENeighborList(network.architecture.cutoff), dtype=torch.float32
    )
    out = model({**converter([to_ase(s) for s in frames.structures()]), "electric_field": torch.zeros(len(frames), 3)})
    return out["energy"].detach(), out["forces"].detach()


@pytest.mark.parametrize("kind", KINDS)
def test_energies_and_forces_are_schnetpacks(kind: Kind) -> None:
    network = stirred(build_network(Architecture(kind=kind, cutoff=3.0), seed=4), size=0.02)
    frames = labelled(METHANOL, WATER, count=6)
    batch = collate(frames, 3.0, dtype=torch.float32)
    batch.positions.requires_grad_(True)
    energy = network(batch)
    forces = -torch.autograd.grad(energy.sum(), batch.positions)[0]
    reference, slope = schnetpacks_own(network, frames)
    assert torch.allclose(energy, reference, atol=AGREEMENT)
    assert torch.allclose(forces, slope, atol=AGREEMENT)
    assert energy.abs().max() > 100 * AGREEMENT  # not nothing that agrees


def test_fieldschnet_is_more_than_schnet() -> None:
    """Its dipoles act on each other in no field, too."""
    network = stirred(build_network(Architecture(kind="field_schnet", interactions=1), seed=4))
    batch = collate(labelled(WATER, count=2), 5.0, dtype=torch.float32)
    before = network(batch).detach()
    for name, values in network.named_parameters():
        if name.startswith("representation.initial_dipole_update"):
            values.data.zero_()
    assert (network(batch) - before).abs().max() > 1e-3


def test_spherical_harmonics_are_schnetpacks() -> None:
    from schnetpack.nn.so3 import RealSphericalHarmonics

    directions = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    directions = torch.cat([directions / directions.norm(dim=1, keepdim=True), torch.eye(3, dtype=torch.float64)])
    theirs = RealSphericalHarmonics(ANGULAR, dtype_str="float64").double()(directions)
    assert torch.allclose(SphericalHarmonics()(directions), theirs, atol=1e-7)  # theirs begin in single precision


def test_the_seed_decides_the_weights_and_leaves_the_process_alone() -> None:
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    first, again, other = (build_network(Architecture(), seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["representation.embedding.weight"], other["representation.embedding.weight"])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_unknown_model_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"no model 'gap'.*painn, schnet, so3net, field_schnet"):
        Architecture(kind="gap")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="cutoff"):
        Architecture(cutoff=0.0)


def test_architecture_round_trip() -> None:
    architecture = Architecture("schnet", 24, 2, 4.5, 16)
    assert Architecture.from_json(architecture.as_json()) == architecture
    assert np.isfinite(architecture.cutoff)


ALONE = """
import sys
import reactal.potentials.schnetpack as ours
assert "pytorch_lightning" not in sys.modules, "a network needs no trainer"
import schnetpack, schnetpack.utils
import schnetpack.representation as representation
network = ours.build_network(ours.Architecture(), seed=0)
assert isinstance(network.representation, schnetpack.representation.PaiNN)
for part in ("data", "md", "task", "utils", "nn", "atomistic", "properties", "model"):
    assert hasattr(schnetpack, part), part
assert schnetpack.__version__ and schnetpack.AtomisticTask
"""


def test_importing_our_part_of_schnetpack_leaves_the_rest_to_be_imported() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", ALONE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
