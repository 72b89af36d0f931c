"""Tonight's labels, a portion at a time, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reactal.chem import Frames, Label, LabelFailure
from reactal.refinement.events import Gathered, Kept, Met, Opened, PortionLabelled
from reactal.refinement.gathering import TEST
from reactal.refinement.scene import Scene
from reactal.selection.batch import RANDOM

__all__ = ["keep", "label_portion"]


def label_portion(scene: Scene, gathered: Gathered, *, start: int, stop: int) -> PortionLabelled:
    """Rows of the batch. What a killed portion had paid for is in the store, and is not paid for again."""
    bench = scene.bench
    batch = bench.pools.get(gathered.batch)
    structures = [batch.structure(row) for row in range(start, stop)]
    bench.progress.begin("label", total=stop - start)
    computed = reused = failed = 0
    core_seconds, text = 0.0, ""
    for done, outcome in enumerate(bench.label_pool().label(structures), start=1):
        if isinstance(outcome.answer, LabelFailure):
            failed, text = failed + 1, text or outcome.answer.message
        else:
            threads = bench.config.resources.threads_for(len(structures[outcome.index]))
            core_seconds += outcome.answer.wall_seconds * threads * (not outcome.reused)
            computed, reused = computed + (not outcome.reused), reused + outcome.reused
        bench.progress.update(done, {"failed": failed, "reused": reused})
    bench.progress.end(f"{stop} of {gathered.batch_size}: {computed} labels computed, {reused} reused, {failed} failed")
    return PortionLabelled(
        stop=stop,
        asked=stop - start,
        computed=computed,
        reused=reused,
        failed=failed,
        failure_text=text,
        core_seconds=core_seconds,
    )


def keep(scene: Scene, opened: Opened, gathered: Gathered, *, stop: int) -> Kept:
    """What was drawn by lot is frozen, the rest the next version of the campaign's data set."""
    said = scene.bench.pools.get(gathered.batch)[np.arange(stop)]
    rows = _labelled(scene, said)
    arm = np.asarray(rows.extra["arm"])
    tests, lessons = rows[arm == TEST], rows[arm != TEST]
    known = _without(scene.known(opened.base), scene.tests(opened.tests))
    iteration = 1 + int(np.max(known.extra["iteration"], initial=0))
    lessons = _columns(lessons, iteration)
    frozen = (scene.freeze(opened.night, _columns(tests, iteration)),) if len(tests) else ()
    version = scene.bench.datasets.commit(
        scene.bench.config.name,
        Frames.concat([known, lessons]) if len(lessons) else known,
        parent=opened.base[-1],
        theory=scene.bench.theory.fingerprint,
        split={},
        lineage={"campaign": scene.bench.config.name, "night": opened.night},
    )
    return Kept(
        dataset=version.version,
        rows=len(known) + len(lessons),
        new=len(lessons),
        frozen=frozen,
        met=_met(said, rows),
    )


def _without(rows: Frames, tests: Frames) -> Frames:
    """The data set of a night holds nothing that a model is judged by."""
    frozen = set(tests.keys())
    return rows[np.asarray([key not in frozen for key in rows.keys()], dtype=bool)]  # noqa: SIM118 not a mapping


def _labelled(scene: Scene, said: Frames) -> Frames:
    """The rows that have a label, with it."""
    outcomes = scene.bench.labels.get_many(scene.bench.theory.fingerprint, said.keys())
    answers = [outcomes.get(key) for key in said.keys()]  # noqa: SIM118 not a mapping
    labels = [answer if isinstance(answer, Label) else None for answer in answers]
    there = np.asarray([label is not None for label in labels], dtype=bool)
    return said.with_labels(labels)[there]


def _columns(rows: Frames, iteration: int) -> Frames:
    """As a campaign's rows have them; what is drawn by lot has the campaign's word for it."""
    arm = (
        np.where(np.asarray(rows.extra["arm"]) == TEST, RANDOM, np.asarray(rows.extra["arm"])) if len(rows) else np.zeros(0, str)
    )
    extra = {"role": rows.extra["role"], "arm": arm, "iteration": np.full(len(rows), iteration, dtype=np.int64)}
    return replace(rows, extra=extra)


def _met(said: Frames, rows: Frames) -> tuple[Met, ...]:
    """The champion on what was new to it, by where it came from."""
    place = {key: row for row, key in enumerate(said.keys())}
    errors: dict[str, list[np.ndarray]] = {}
    for row, key in enumerate(rows.keys()):
        error = said.forces[said.atoms(place[key])] - rows.forces[rows.atoms(row)]
        errors.setdefault(str(rows.extra["role"][row]), []).append(error)
    return tuple(
        Met(
            source=source,
            structures=len(found),
            force_mae=float(np.mean([np.abs(error).mean() for error in found])),
            force_max=float(max(np.linalg.norm(error, axis=1).max() for error in found)),
        )
        for source, found in sorted(errors.items())
    )
