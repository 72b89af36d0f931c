"""A model held against what is known: labelled structures, or everything its campaign has. Costs no label."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

import reactal
from reactal.campaign.events import Event
from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Label, Structure
from reactal.errors import InputError
from reactal.exploration.paths import align
from reactal.potentials.curvature import curvature
from reactal.progress import NoProgress, Progress
from reactal.stages.absurd import absurd_rows
from reactal.stages.bench import Bench
from reactal.stages.check_accuracy import check_accuracy, check_consistency, check_doubt, doubt_of
from reactal.stages.check_barriers import Heights, Reaction, barrier_findings, heights_of
from reactal.stages.check_crystal import check_crystal, periodic_structure
from reactal.stages.check_dynamics import Followed, check_dynamics
from reactal.stages.check_memory import check_forgetting, check_strain
from reactal.stages.check_price import check_price, check_speed, label_seconds
from reactal.stages.check_steps import check_steps, intermediates
from reactal.stages.check_vibrations import check_vibrations, labelled_points
from reactal.stages.ends import Ends
from reactal.stages.refining import Unrefined, refined
from reactal.stages.subject import Subject
from reactal.validation.base import Findings, Geometry, Validation
from reactal.validation.verdicts import LEAST, frequency_outcome, stability_outcome, untestable_accuracy

__all__ = ["CAMPAIGN", "campaign_subject", "stationary_points", "validate_campaign", "validate_frames"]

CAMPAIGN = "its campaign"
STILL = Followed(0.0)
TRAINED, LATER = "trained on", "labelled afterwards"


def validate_frames(
    subject: Subject,
    frames: Frames,
    *,
    against: str,
    rng: np.random.Generator,
    progress: Progress | None = None,
    follow: Followed = STILL,
) -> Validation:
    """Against labelled frames, none of which the model need have seen; a column `set` names the sets that they belong to.
    Dynamics runs from the frame of lowest energy."""
    labelled = frames[frames.labelled]
    if not len(labelled):
        raise InputError(f"{against} holds no labelled geometry; `reactal label` adds energies and forces")
    try:
        labelled, dropped = _answered(subject, labelled)
    except InputError as error:  # elements, charges or multiplicities that the model does not know
        return Validation(subject.name, against, _nothing(subject, str(error)).outcomes)
    findings = check_accuracy(subject, labelled, groups=labelled.extra.get("set")) + check_doubt(subject, labelled)
    findings += check_consistency(subject, labelled, rng=rng)
    if (crystal := periodic_structure(labelled)) is not None:
        findings += check_crystal(subject.potential, crystal)
    if follow.fs:
        start = labelled.structure(int(np.argmin(labelled.energy / labelled.sizes))) if crystal is None else crystal
        named, watched = [(start.formula, start)], progress or NoProgress()
        findings += check_dynamics(subject.potential, named, subject.goals, follow=follow, rng=rng, progress=watched)
    findings += check_speed(subject.potential, labelled, clock=time.perf_counter)
    facts = [("structures", str(len(labelled))), ("reactal", reactal.__version__)]
    if dropped:
        facts.append(("left out", f"{dropped} structures for which the model has no finite answer"))
    return Validation.of(findings, model=subject.name, against=against, facts=facts)


def _answered(subject: Subject, frames: Frames) -> tuple[Frames, int]:
    """The frames for which there is a finite prediction, and how many have none."""
    said = subject.potential.predict(frames)
    known = np.isfinite(said.energy) & np.isfinite(frames.per_structure_max(np.abs(said.forces).max(axis=1)))
    return frames[known], int((~known).sum())


def _nothing(subject: Subject, why: str) -> Findings:
    """Every goal of accuracy untestable for one reason."""
    return Findings(untestable_accuracy(subject.goals, why))


def campaign_subject(bench: Bench, state: CampaignState) -> Subject:
    """The newest model of a campaign."""
    if state.trained is None or state.seeded is None:
        raise InputError(f"campaign {bench.config.name} has no model yet; run it first")
    reactant = bench.structure_of(state.seeded.reactant)
    rows = bench.dataset(state.trained.dataset)
    return Subject(
        bench.committee(state.trained.model),
        state.trained.model,
        bench.config.validation,
        training=rows[~absurd_rows(rows, bench.config.training)],
        ends=Ends(reactant, align(bench.structure_of(state.seeded.product), reactant)),
        factor=state.calibrated.factor if state.calibrated else None,
        coverage=state.calibrated.target_coverage if state.calibrated else None,
    )


def validate_campaign(
    bench: Bench,
    events: Sequence[Event],
    state: CampaignState,
    *,
    subject: Subject,
    label: bool = False,
    refine: bool = False,
    follow: Followed = STILL,
) -> Findings:
    """On what its store holds: all labels, those after the last training judged; the random arm; the saddle that was tested.
    With `label` the reference is asked for the Hessians of the stationary points, for the strained ends and for the saddles of a
    reaction in steps, with `refine` to go from the model's saddles to its own; dynamics runs as it is to be followed."""
    bench.progress.begin("accuracy")
    rows = bench.dataset(state.dataset)
    rows = rows[~absurd_rows(rows, bench.config.training)]
    assert subject.training is not None
    seen = set(subject.training.keys())
    sets = np.asarray([TRAINED if key in seen else LATER for key in rows.keys()])  # noqa: SIM118
    unseen = np.where(sets == LATER, LATER, "")
    findings = check_accuracy(subject, rows, groups=sets, unseen=unseen)
    bench.progress.end(f"{int((sets == LATER).sum())} labels that the model has not seen, {len(rows)} in all")
    findings += check_consistency(subject, rows, rng=bench.rng("validate", "lines"))
    findings += _doubt(subject, state) + _barriers(bench, state, subject, label=label, refine=refine)
    findings += _vibrations(bench, state, subject, label=label)
    findings += check_forgetting(bench, state) + check_strain(subject, bench.label_pool() if label else None)
    findings += _dynamics(bench, subject, follow) + check_price(bench, events, state)
    findings += check_speed(subject.potential, rows, clock=time.perf_counter, label_s=label_seconds(bench, rows))
    return findings


def _doubt(subject: Subject, state: CampaignState) -> Findings:
    """The random arm: each predicted by the model of its round, before it was labelled."""
    arm = state.arm
    if len(arm) < LEAST:
        return doubt_of(subject, np.zeros(0), np.zeros(0), covered=(0, len(arm)))
    points = state.calibrated.observed_points if state.calibrated else 0
    share = (state.calibrated.observed_coverage if state.calibrated else None) or 0.0
    disagreement, error = np.asarray([(point.disagreement, point.force_error_max) for point in arm]).T
    keys = tuple(point.key for point in arm)
    return doubt_of(subject, disagreement, error, covered=(round(share * points), points), keys=keys)


def stationary_points(bench: Bench, state: CampaignState) -> tuple[Structure, Structure, Structure] | None:
    """Relaxed reactant, the saddle that was tested last, relaxed product; all three have labels. None without a tested saddle."""
    if state.seeded is None or not state.tests:
        return None
    keys = (state.seeded.reactant, state.tests[-1].key, state.seeded.product)
    reactant, saddle, product = (bench.structure_of(key) for key in keys)
    return reactant, saddle, product


def _barriers(bench: Bench, state: CampaignState, subject: Subject, *, label: bool, refine: bool) -> Findings:
    """Of the one reaction, or of each step of one that has intermediates."""
    if intermediates(state):
        return check_steps(bench, state, subject, pool=bench.label_pool() if label or refine else None, refine=refine)
    return barrier_findings([_barrier(bench, state, subject, refine=refine)], subject.goals)


def _barrier(bench: Bench, state: CampaignState, subject: Subject, *, refine: bool) -> Reaction:
    points = stationary_points(bench, state)
    if points is None:
        stated = "no saddle has been labelled yet"
        unknown = Heights(None, None, None)
        return Reaction(bench.config.name, unknown, unknown, stated=stated)
    test = state.tests[-1]
    labels = [bench.label_of(point.key) for point in points]
    model, spread = heights_of(subject.potential, points)
    reference = Heights.of((labels[0].energy, labels[1].energy, labels[2].energy))
    wrong = test.negative_modes != 1
    reaction = Reaction(
        bench.config.name,
        model,
        reference,
        spread,
        negative_modes=test.negative_modes,
        joins=test.joins,
        force_left=_largest(labels[1]),
        stated=f"the model's stationary point has {test.negative_modes} negative modes" if wrong else "",
        geometries=_shown(points, reference),
    )
    if not refine or wrong:
        return reaction
    bench.progress.begin("refine")
    given = Unrefined(points, curvature(subject.potential, points[1]), ends=(labels[0].energy, labels[2].energy))
    (there,) = refined(bench.label_pool(), [given], progress=bench.progress)
    bench.progress.end(there.why or f"the reference's own saddle after {there.gradients} gradient{'s'[: there.gradients != 1]}")
    return reaction.against(there)


def _vibrations(bench: Bench, state: CampaignState, subject: Subject, *, label: bool) -> Findings:
    points = stationary_points(bench, state)
    if points is None:
        return Findings((frequency_outcome([], subject.goals, missing="no saddle has been labelled yet"),))
    labelled = labelled_points(bench.label_pool(), points, progress=bench.progress) if label else ()
    named = list(zip(("reactant", "saddle", "product"), points, strict=True))
    return check_vibrations(subject.potential, named, subject.goals, labelled=labelled, training=subject.training)


def _dynamics(bench: Bench, subject: Subject, follow: Followed) -> Findings:
    """From both ends."""
    assert subject.ends is not None
    if not follow.fs:
        return Findings((stability_outcome([], subject.goals, ran_fs=0.0, endings=""),))
    starts = (("reactant", subject.ends.reactant), ("product", subject.ends.product))
    rng = bench.rng("validate", "dynamics")
    return check_dynamics(subject.potential, starts, subject.goals, follow=follow, rng=rng, progress=bench.progress)


def _largest(label: Label) -> float:
    return float(np.linalg.norm(label.forces, axis=1).max())


def _shown(points: tuple[Structure, Structure, Structure], heights: Heights) -> tuple[Geometry, ...]:
    names = (("reactant", "minimum", 0.0), ("saddle", "saddle", heights.forward), ("product", "minimum", heights.reaction))
    return tuple(
        Geometry(point.key, name, kind, point, facts=(("reference", f"{height or 0.0:.2f} kcal/mol"),))
        for point, (name, kind, height) in zip(points, names, strict=True)
    )
