"""Training of one member: ours against SchNetPack's own task and data module, same network, batches, optimiser and one thread.

Structures a second of the whole training, start to finish. Labels come from an analytic surface: what they say costs nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from figure import Figure, rates, report, versus

from reactal.chem import Frames, Label, Structure
from reactal.chem.convert import to_ase
from reactal.potentials.architecture import Architecture
from reactal.potentials.schnetpack import build_network
from reactal.training.member import train_member
from reactal.training.settings import TrainingSettings

CHLOROMETHANE_AND_CHLORIDE = Structure.from_symbols(
    ["C", "H", "H", "H", "Cl", "Cl"],
    [[0, 0, 0], [1.03, 0, -0.33], [-0.51, 0.89, -0.33], [-0.51, -0.89, -0.33], [0, 0, 1.83], [0, 0, -3.2]],
    charge=-1,
)
ROWS = 100
GOAL = 2.0  # times SchNetPack's structures a second


def labelled(template: Structure, *, rows: int) -> Frames:
    """Rattled copies; every pair of atoms is a spring of 1 eV/angstrom^2 at its length in the template."""
    rng = np.random.default_rng(0)
    rest = np.linalg.norm(template.positions[:, None] - template.positions, axis=-1)
    structures, labels = [], []
    for shift in rng.normal(0, 0.08, (rows, len(template), 3)):
        moved = template.moved(template.positions + shift)
        vectors = moved.positions[:, None] - moved.positions
        lengths = np.linalg.norm(vectors, axis=-1) + np.eye(len(template))
        stretch = (lengths - rest) * (1 - np.eye(len(template)))
        forces = -(2 * stretch / lengths)[..., None] * vectors
        structures.append(moved)
        labels.append(Label(moved.key, "springs", float(0.5 * (stretch**2).sum()), forces.sum(axis=1)))
    return Frames.of(structures, labels)


def schnetpacks(frames: Frames, settings: TrainingSettings, folder: Path) -> Callable[[], object]:
    """A whole training by `AtomisticTask` and `AtomsDataModule`, as SchNetPack's documentation sets them up."""
    import pytorch_lightning as lightning
    import schnetpack
    from schnetpack import transform

    path = folder / "frames.db"
    data = schnetpack.data.ASEAtomsData.create(
        str(path), distance_unit="Ang", property_unit_dict={"energy": "eV", "forces": "eV/Ang"}
    )
    rows = [{"energy": np.array([frames.energy[i]]), "forces": frames.forces[frames.atoms(i)]} for i in range(len(frames))]
    data.add_systems(rows, [to_ase(structure) for structure in frames.structures()])

    def train() -> None:
        module = schnetpack.data.AtomsDataModule(
            str(path),
            batch_size=settings.batch,
            num_train=len(frames) - 1,
            num_val=1,  # it insists on some
            split_file=None,
            num_workers=0,
            transforms=[transform.ASENeighborList(settings.architecture.cutoff), transform.CastTo32()],
        )
        head = schnetpack.atomistic.Atomwise(n_in=settings.architecture.features, output_key="energy")
        network = build_network(settings.architecture, seed=0)
        model = schnetpack.model.NeuralNetworkPotential(
            network.representation,
            input_modules=[schnetpack.atomistic.PairwiseDistances()],
            output_modules=[head, schnetpack.atomistic.Forces(energy_key="energy", force_key="forces")],
        )
        outputs = [
            schnetpack.task.ModelOutput(name, loss_fn=torch.nn.MSELoss(), loss_weight=1.0, metrics={})
            for name in ("energy", "forces")
        ]
        optimiser: dict[str, Any] = {"lr": settings.learning_rate_first, "weight_decay": settings.weight_decay}
        task = schnetpack.task.AtomisticTask(
            model, outputs, optimizer_cls=torch.optim.AdamW, optimizer_args=optimiser, warmup_steps=settings.warmup
        )
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_steps=settings.steps_first,
            max_epochs=-1,
            gradient_clip_val=settings.gradient_clip,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
        )
        trainer.fit(task, datamodule=module)

    return train


def figures(*, steps: int, runs: int) -> list[Figure]:
    """Both kinds of network on a reaction's six atoms."""
    found = []
    frames = labelled(CHLOROMETHANE_AND_CHLORIDE, rows=ROWS)
    for kind in ("painn", "schnet"):
        settings = replace(TrainingSettings(steps_first=steps, validation_share=0.0), architecture=Architecture(kind=kind))
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # SchNetPack leaves lock files where it runs
            ours, peer = rates(
                steps * settings.batch,
                [lambda: train_member(frames, settings, seed=0), schnetpacks(frames, settings, Path(folder))],  # noqa: B023
                runs=runs,
            )
        found.append(versus(f"train_{kind}_vs_schnetpack_task", "structures/s", ours, peer, at_least=GOAL))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="within two minutes")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    report(figures(steps=250, runs=3) if quick else figures(steps=500, runs=7))


if __name__ == "__main__":
    main()
