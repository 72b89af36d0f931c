"""The peer of trainings: SchNetPack's own `AtomisticTask` and `AtomsDataModule`, as its documentation sets them up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import schnetpack
import torch
import torchmetrics
from schnetpack import transform

from reactal.chem import Frames
from reactal.chem.convert import to_ase
from reactal.potentials.schnetpack import build_network
from reactal.training.settings import TrainingSettings

__all__ = ["Stock"]

Point = tuple[float, float]  # seconds since the training began, validation force MAE in eV/angstrom


class Watch(lightning.Callback):
    """Notes the validation error after each pass, and stops where it is reached. Time spent validating does not count."""

    def __init__(self, goal: float) -> None:
        self.goal, self.curve = goal, list[Point]()
        self._began = self._validating = time.perf_counter()

    def on_train_start(self, *_: Any) -> None:
        self._began = time.perf_counter()

    def on_validation_start(self, *_: Any) -> None:
        self._validating = time.perf_counter()

    def on_validation_end(self, trainer: lightning.Trainer, _: Any) -> None:
        self.curve.append((self._validating - self._began, float(trainer.callback_metrics["val_forces_MAE"])))
        self._began += time.perf_counter() - self._validating
        trainer.should_stop = self.curve[-1][1] <= self.goal


class Stock:
    """Energies are stored less their mean, as its `RemoveOffsets` would have them. The last `validation` rows are held out."""

    def __init__(self, frames: Frames, settings: TrainingSettings, folder: Path, *, validation: int = 1) -> None:
        self.rows, self.settings, self.validation = len(frames), settings, validation
        self._path = str(folder / "frames.db")
        units = {"energy": "eV", "forces": "eV/Ang"}
        data = schnetpack.data.ASEAtomsData.create(self._path, distance_unit="Ang", property_unit_dict=units)
        energy = frames.energy - frames.energy.mean()
        rows = [{"energy": np.array([energy[i]]), "forces": frames.forces[frames.atoms(i)]} for i in range(len(frames))]
        data.add_systems(rows, [to_ase(structure) for structure in frames.structures()])
        self._split = folder / "split.npz"
        order = np.arange(len(frames))
        np.savez(self._split, train_idx=order[:-validation], val_idx=order[-validation:], test_idx=order[:0])

    def train(self, *, steps: int) -> None:
        """So many steps, without a look at the rows that are held out."""
        self._fit(max_steps=steps, max_epochs=-1, limit_val_batches=0)

    def reach(self, goal: float, *, passes: int) -> list[Point]:
        """Train until the force error on the rows held out is below the goal (eV/angstrom), or for so many passes."""
        watch = Watch(goal)
        self._fit(max_epochs=passes, num_sanity_val_steps=0, callbacks=[watch])
        return watch.curve

    def _fit(self, **how: Any) -> None:
        settings = self.settings
        module = schnetpack.data.AtomsDataModule(
            self._path,
            batch_size=settings.batch,
            num_train=self.rows - self.validation,
            num_val=self.validation,
            split_file=str(self._split),
            num_workers=0,
            transforms=[transform.ASENeighborList(settings.architecture.cutoff), transform.CastTo32()],
        )
        trainer = lightning.Trainer(
            accelerator="cpu",
            gradient_clip_val=settings.gradient_clip,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            inference_mode=False,  # validation differentiates for the forces
            **how,
        )
        trainer.fit(self._task(), datamodule=module)

    def _task(self) -> Any:
        settings = self.settings
        head = schnetpack.atomistic.Atomwise(n_in=settings.architecture.features, output_key="energy")
        model = schnetpack.model.NeuralNetworkPotential(
            build_network(settings.architecture, seed=0).representation,
            input_modules=[schnetpack.atomistic.PairwiseDistances()],
            output_modules=[head, schnetpack.atomistic.Forces(energy_key="energy", force_key="forces")],
        )
        outputs = [
            schnetpack.task.ModelOutput(
                name, loss_fn=torch.nn.MSELoss(), loss_weight=weight, metrics={"MAE": torchmetrics.MeanAbsoluteError()}
            )
            for name, weight in zip(("energy", "forces"), settings.loss_weights, strict=True)
        ]
        optimiser = {"lr": settings.learning_rate_first, "weight_decay": settings.weight_decay}
        return schnetpack.task.AtomisticTask(
            model, outputs, optimizer_cls=torch.optim.AdamW, optimizer_args=optimiser, warmup_steps=settings.warmup
        )
