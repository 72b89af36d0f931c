"""`reactal compare` in one process: from what was asked to files that say what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from reactal.chem import Frames
from reactal.comparison.driving import Contest, Records
from reactal.comparison.material import Material, prepared
from reactal.comparison.measuring import REGION
from reactal.comparison.outcome import Comparison
from reactal.comparison.plan import Budget, Plan
from reactal.comparison.request import Request
from reactal.comparison.showing import Shown
from reactal.comparison.ways import check_ways
from reactal.errors import ConfigError, InputError
from reactal.progress import NoProgress, Progress
from reactal.store.datasets import DatasetStore
from reactal.store.lease import Lease
from reactal.store.opening import open_store, require_writable

if TYPE_CHECKING:
    from reactal.tracking.mlflow import MlflowTracker
    from reactal.tracking.null import NullTracker
    from reactal.training.settings import TrainingSettings

__all__ = ["ContestDriver", "open_contest", "plain"]

HOME = ".reactal"
COLUMNS = (REGION, "theory", "progress", "cost", "source")  # of a text file's geometries, which may bring them
NUMBERS = ("progress", "cost")
PATIENCE = 120.0  # seconds that the end of a comparison waits for a slow tracker


@final
@dataclass(frozen=True, eq=False)
class ContestDriver:
    """A comparison whose parts are there. Its steps are called in order; each may be called again."""

    request: Request
    contest: Contest
    folder: Path

    def prepare(self) -> None:
        """See `Contest`."""
        self.contest.prepare()

    def starts(self) -> None:
        """See `Contest`."""
        self.contest.starts()

    def compete(self) -> dict[tuple[str, int], Records]:
        """See `Contest`."""
        return self.contest.compete()

    def conclude(self, found: dict[tuple[str, int], Records]) -> dict[str, Any]:
        """Write comparison.json, .md, .png and .svg into the folder; the JSON object."""
        from reactal.comparison.figure import draw
        from reactal.comparison.table import markdown

        comparison = self.contest.conclude(found, target=self.request.target)
        title = f"{Path(self.request.pool).name}: which labels to buy"
        told = self._told(comparison)
        material = self.contest.material
        digest = self.contest.plan.digest(material.pool, material.test)
        self.contest.shown.material(digest, training=material.pool, test=material.test)
        files = {"table": self.folder / "comparison.md", "numbers": self.folder / "comparison.json"}
        files["table"].write_text(markdown(comparison, title=title, notes=self._notes()), encoding="utf-8")
        files["numbers"].write_text(json.dumps(plain(told), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        drawn = draw(comparison, self.folder, title=title)
        self.contest.shown.files({**files, **{f"figure/{file.suffix[1:]}": file for file in drawn}})
        return {**told, "files": [str(file) for file in (*files.values(), *drawn)]}

    def run(self) -> dict[str, Any]:
        """All of it."""
        self.prepare()
        self.starts()
        return self.conclude(self.compete())

    def _told(self, comparison: Comparison) -> dict[str, Any]:
        contest = self.contest
        facts = {"pool": len(contest.material.pool), "test": len(contest.material.test), "notes": list(self._notes())}
        return {**facts, "plan": dict(contest.plan.told()), **comparison.as_json(), "store": contest.objects.url}

    def _notes(self) -> tuple[str, ...]:
        budget, pool = self.contest.plan.budget, self.contest.material.pool
        told = (
            f"{len(pool)} structures to choose from; {budget.start} labels by lot, then {budget.rounds} batches of {budget.batch}"
        )
        return (told, *self.contest.material.notes)


@contextmanager
def open_contest(request: Request, *, progress: Progress | None = None) -> Iterator[ContestDriver]:
    """Read and check everything before anything is written; then one driver at a time."""
    folder = Path(request.out)
    store = request.store or str(folder / HOME / "store")
    material = _material(request, store)
    plan = _plan(request, material)
    check_ways(request.strategies, material.pool)
    plan.budget.check(len(material.pool))
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the results with --out")
    _make(folder)
    objects = open_store(store)
    require_writable(objects)
    with ExitStack() as stack:
        lease = Lease(objects, f"comparisons/{plan.digest(material.pool, material.test)}/drivers")
        lease.acquire()
        stack.callback(lease.release)
        parts = _Parts(request, folder, stack)
        contest = Contest(
            objects=objects,
            material=material,
            plan=plan,
            strategies=request.strategies,
            seeds=tuple(range(request.first_seed, request.first_seed + request.seeds)),
            shown=Shown(parts.tracker, objects, folder.absolute().name, parts.tracking, parts.arrived),
            progress=progress or NoProgress(),
            client=parts.client,
        )
        yield ContestDriver(request, contest, folder)


@final
class _Parts:
    """What is started for a comparison and ended after it."""

    def __init__(self, request: Request, folder: Path, stack: ExitStack) -> None:
        self._request, self._folder, self._stack = request, folder, stack

    @cached_property
    def client(self) -> Any:
        from reactal.labeling.base import LabelingResources
        from reactal.labeling.cluster import connect
        from reactal.labeling.pool import slot_count

        if self._request.cluster == "none":
            return None
        slots = slot_count(LabelingResources(slots=self._request.slots))
        return self._stack.enter_context(connect(self._request.cluster, slots))

    @cached_property
    def tracking(self) -> str:
        """MLflow's URI, or none."""
        from reactal.tracking.mlflow import sqlite_uri

        given = self._request.tracking or os.environ.get("MLFLOW_TRACKING_URI")
        return given or sqlite_uri(self._folder / HOME / "mlflow")

    @cached_property
    def tracker(self) -> MlflowTracker | NullTracker:
        if self.tracking == "none":
            from reactal.tracking.null import NullTracker

            return NullTracker()
        from reactal.tracking.mlflow import MlflowTracker

        if self.tracking.startswith("sqlite"):
            _make(self._folder / HOME / "mlflow")
        unsent = self._folder / HOME / "mlflow" / "unsent"
        tracker = MlflowTracker(self.tracking, "reactal-compare", scope=str(self._folder.absolute()), unsent=unsent)
        self._stack.callback(tracker.close)
        return tracker

    def arrived(self) -> bool:
        """Whether the tracker holds everything, after some patience: it is told of many runs at once."""
        flush = getattr(self.tracker, "flush", None)
        return bool(flush is not None and flush(patience=PATIENCE))


def plain(value: Any) -> Any:
    """Nested values as JSON knows them; what is not finite is null."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be made ({error.strerror}); give another one with --out") from error


def _plan(request: Request, material: Material) -> Plan:
    from reactal.training.settings import TrainingSettings

    settings, members = TrainingSettings(), 4
    if request.campaign is not None:
        settings, members = _of_campaign(Path(request.campaign), material.pool)
    if request.steps is not None:
        settings = replace(settings, steps_first=request.steps, steps_warm=max(1, request.steps // 2))
    members = request.members or members
    if settings.architecture.heads > 1:
        settings = replace(settings, architecture=replace(settings.architecture, heads=members))
    budget = Budget(request.start, request.batch, request.rounds)
    return Plan(budget, settings, members, candidates=request.candidates, scratch=request.scratch)


def _of_campaign(file: Path, pool: Frames) -> tuple[TrainingSettings, int]:
    """A campaign's way to train, and how many members it has."""
    from reactal.config import load_config
    from reactal.stages.baseline import settled_baseline
    from reactal.stages.train import training_settings

    config = load_config(file)
    baseline = settled_baseline(config.training.baseline, config.theory.program, pool)
    return training_settings(config, baseline=baseline), config.model.members


def _material(request: Request, store: str) -> Material:
    pool, theory = _read(request.pool, store)
    tests = []
    for given in request.tests:
        region, equals, reference = given.partition("=")
        frames, other = _read(reference if equals else given, store)
        if theory and other and theory != other:
            raise InputError(
                f"{request.pool} is labelled at the theory {theory[:12]} and {reference or given} at {other[:12]}; "
                "an error between two theories says nothing of a strategy"
            )
        tests.append(frames.with_extra(**{REGION: np.full(len(frames), region)}) if equals else frames)
    return prepared(pool, Frames.concat(tests), name=request.pool)


def _read(reference: str, store: str) -> tuple[Frames, str]:
    """A file of frames, or NAME[@VERSION] in the store; and its theory's fingerprint, if it is known."""
    from reactal.chem.files import is_file_of_frames, read_any

    if is_file_of_frames(Path(reference)):
        frames = read_any(Path(reference), columns=COLUMNS)
        return _numbered(reference, frames), ""
    name, at, number = reference.partition("@")
    if Path(reference).suffix or "/" in reference or (at and not number.isdecimal()):
        raise InputError(f"there is no file {reference}; give one that ASE reads, or NAME[@VERSION] of a data set in the store")
    datasets = DatasetStore(open_store(store))
    version = datasets.show(name, int(number) if at else None)
    return datasets.load(name, version.version), version.theory


def _numbered(reference: str, frames: Frames) -> Frames:
    """Columns of numbers that came as text."""
    made = {}
    for name in NUMBERS:
        if name in frames.extra and frames.extra[name].dtype.kind in "OU":
            try:
                made[name] = frames.extra[name].astype(float)
            except ValueError as error:
                raise ConfigError(f"the column {name} of {reference} holds something that is no number ({error})") from error
    return frames.with_extra(**made) if made else frames
