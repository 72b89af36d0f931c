"""The `.reactal` folder of a campaign: Prefect's and MLflow's databases, reports, and the store unless that is elsewhere."""

from __future__ import annotations

from pathlib import Path

__all__ = ["reactal_folder"]

NAME = ".reactal"
PLACES = (NAME, f"*/{NAME}", f"*/*/{NAME}")  # below the working folder, where campaigns usually lie


def reactal_folder(campaign: Path | None) -> Path:
    """The campaign's; without one, that below the working folder in which something happened last."""
    if campaign is not None:
        from reactal.assembly import local_folder
        from reactal.config import load_config

        return local_folder(load_config(campaign))
    there = [folder for place in PLACES for folder in Path.cwd().glob(place) if folder.is_dir()]
    return max(there, key=_last_used, default=Path.cwd() / NAME)


def _last_used(folder: Path) -> float:
    return max((entry.stat().st_mtime for pattern in ("*", "*/*") for entry in folder.glob(pattern)), default=0.0)
