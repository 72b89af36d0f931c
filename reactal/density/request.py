"""A density training carried out as it was asked for: densities found or computed, a committee, its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from reactal.chem import Structure
from reactal.density.records import DensityStore
from reactal.density.reference import ReferenceDensity
from reactal.density.settings import DensityRequest
from reactal.errors import InputError, TooFewLabels
from reactal.store.opening import open_store

__all__ = ["fulfil", "references_of"]

STATES = "training"  # a folder in the model's, while it is trained
MOST_FAILED = 0.5  # of the SCFs, before there is something wrong with the geometries
Tell = Callable[[str, int, int], None]


def fulfil(request: DensityRequest, *, tell: Tell | None = None) -> dict[str, Any]:
    """Train as asked, or go on with it; what came of it, for JSON. Nothing is computed or trained twice."""
    from shutil import rmtree

    from reactal.density.schooling import School

    out = Path(request.out)
    if (out / "density.json").exists():
        raise InputError(f"there is a density model in {out} already; choose another folder")
    references, dataset, failed = references_of(request, tell=tell)
    school = School(request.schooling, kept=out / STATES)
    taught = school.teach(references, tell=tell)
    model = replace(taught.model, about={**taught.model.about, "dataset": dataset})
    model.write(out)
    rmtree(out / STATES, ignore_errors=True)
    return {
        "model": str(out),
        "dataset": dataset,
        "rows": len(references),
        "failed": failed,
        "held_out": list(taught.held_out),
        "rho_error_held_out": model.about["rho_error_held_out"],
        "energy_error_mha_held_out": model.about["energy_error_mha_held_out"],
        "guard_factor": model.guard.factor,
        "curves": [[asdict(point) for point in curve] for curve in taught.curves],
    }


def references_of(request: DensityRequest, *, tell: Tell | None = None) -> tuple[list[ReferenceDensity], str, list[str]]:
    """The densities, the data set they are, and a sentence for each geometry that has none."""
    densities = DensityStore(open_store(request.store), request.theory)
    if not Path(request.source).is_file():
        name, _, version = request.source.partition("@")
        if version and not version.isdecimal():
            raise InputError(f"{request.source} is neither a file nor NAME@VERSION of a data set")
        return list(densities.load(name, int(version) if version else None)), request.source, []
    structures = _structures(request)
    if not structures:
        raise InputError(f"{request.source} holds no geometry; give a file with one or more, in any format that ASE reads")

    def told(done: int, failed: int, _: str) -> None:
        if tell is not None:
            tell("reference densities", done + failed, len(structures))

    made, failed = densities.compute(structures, tell=told)
    if len(failed) > MOST_FAILED * len(structures):
        raise TooFewLabels(f"{len(failed)} of {len(structures)} reference densities failed; the first: {failed[0]}")
    committed = densities.commit(request.name or Path(request.source).stem, made, lineage=_lineage(request, len(failed)))
    return made, f"{committed.name}@{committed.version}", failed


def _structures(request: DensityRequest) -> list[Structure]:
    from reactal.chem.convert import read_frames
    from reactal.density.augmentation import varied

    given = list(read_frames(Path(request.source)).structures())
    return given + varied(given, count=request.vary, seed=request.schooling.plan.seed)


def _lineage(request: DensityRequest, failed: int) -> Mapping[str, Any]:
    seed = request.schooling.plan.seed
    return {"geometries": Path(request.source).name, "varied": request.vary, "seed": seed, "failed": failed}
