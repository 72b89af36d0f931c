"""Champion and challenger on the same frozen tests."""

from __future__ import annotations

import numpy as np

from reactal.chem import Frames
from reactal.potentials.base import Potential
from reactal.refinement.events import Group, Judged, Kept, Opened, Taught
from reactal.refinement.judging import Paired, barrier_group, judged, verdict
from reactal.refinement.scene import Scene
from reactal.stages.check_barriers import Heights, heights_of
from reactal.stages.regions import regions
from reactal.stages.validate import stationary_points
from reactal.validation.accuracy import Comparison

__all__ = ["judge"]


def judge(scene: Scene, opened: Opened, kept: Kept, taught: Taught) -> Judged:
    """Test structures that one of the two was trained on are left out, whoever trained it."""
    scene.bench.progress.begin("judge")
    champion, challenger = scene.committee(opened.champion), scene.committee(taught.model)
    tests = scene.tests((*opened.tests, *kept.frozen))
    fair = _unseen(scene, tests, opened.champion)
    left_out, tests = int((~fair).sum()), tests[fair]
    if not len(tests):
        return _ended(
            scene,
            Judged(promote=False, why="there is no test structure that is new to both models", groups=(), left_out=left_out),
        )
    paired, plan = _paired(champion, challenger, tests), opened.plan
    words = {"set": np.asarray(tests.extra["set"]), "region": regions(tests, scene.ends)}
    groups = judged(paired, words, confidence=plan.confidence, worse=plan.worse, rng=scene.rng("bootstrap"))
    groups = (*groups, *_barrier(scene, champion, challenger, slack=plan.barrier_slack))
    promote, why = verdict(groups, finite=paired.finite, confidence=plan.confidence)
    return _ended(scene, Judged(promote=promote, why=why, groups=groups, left_out=left_out))


def _ended(scene: Scene, event: Judged) -> Judged:
    scene.bench.progress.end(event.why)
    return event


def _unseen(scene: Scene, tests: Frames, model: str) -> np.ndarray:
    """Whether a structure was not in the data set that the model names as its own (n,); the challenger never saw any."""
    about = scene.committee(model).about
    version = about.get("dataset")
    if version is None or about.get("campaign") != scene.bench.config.name:
        return np.ones(len(tests), dtype=bool)
    seen = set(scene.bench.dataset(int(version)).keys())
    return np.asarray([key not in seen for key in tests.keys()], dtype=bool)  # noqa: SIM118 not a mapping


def _paired(champion: Potential, challenger: Potential, tests: Frames) -> Paired:
    errors = []
    for potential in (champion, challenger):
        found = Comparison(tests, potential.predict(tests))
        force = np.asarray([np.abs(found.force_error[tests.atoms(row)]).mean() for row in range(len(tests))])
        errors.append((force, np.abs(found.energy_error) / tests.sizes))
    return Paired(errors[0][0], errors[1][0], errors[0][1], errors[1][1])


def _barrier(scene: Scene, champion: Potential, challenger: Potential, *, slack: float) -> tuple[Group, ...]:
    """At the stationary points whose labels are known; none without a tested saddle."""
    points = stationary_points(scene.bench, scene.state)
    if points is None:
        return ()
    labels = [scene.bench.label_of(point.key).energy for point in points]
    reference = Heights.of((labels[0], labels[1], labels[2]))
    worst = []
    for potential in (champion, challenger):
        model, _ = heights_of(potential, points)
        worst.append(max((mine - theirs for mine, theirs in model.pairs(reference)), key=abs))
    return (barrier_group(worst[0], worst[1], slack=slack),)
