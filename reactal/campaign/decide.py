"""What to do next: a pure function of where the campaign stands and what its file says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from reactal.campaign.approval import unapproved
from reactal.campaign.budget import remaining
from reactal.campaign.events import Explored, Labelled, Outcome, SaddleTest
from reactal.campaign.state import CampaignState
from reactal.config import CampaignConfig

__all__ = [
    "Action",
    "Calibrate",
    "Done",
    "Explore",
    "Finish",
    "LabelBatch",
    "Seed",
    "Select",
    "Train",
    "Verify",
    "Wait",
    "decide",
    "focused",
    "holds",
    "nearly_right",
]

PROBES = 3  # valleys that the reference is made to relax, in one campaign
LEAST_STEPS = 8  # labels left to spend on relaxing a valley, or it is not worth beginning


@final
@dataclass(frozen=True)
class Seed:
    """Relax the ends, make a path, propose the first structures."""


@final
@dataclass(frozen=True)
class LabelBatch:
    """Label the pending batch and test the model on it."""


@final
@dataclass(frozen=True)
class Calibrate:
    """Bound the force error by the disagreement."""


@final
@dataclass(frozen=True)
class Train:
    iteration: int


@final
@dataclass(frozen=True)
class Explore:
    iteration: int


@final
@dataclass(frozen=True)
class Select:
    iteration: int
    focus: bool
    size: int
    proof: bool = False  # the random arm alone
    ways: bool = False  # and points on the ways down from the saddle
    probe: int = 0  # gradients to relax the band's valley with besides


@final
@dataclass(frozen=True)
class Verify:
    """Check what only more reference calculations can tell: is the saddle's reference state the lowest?"""

    iteration: int


@final
@dataclass(frozen=True)
class Finish:
    outcome: Outcome
    evidence: tuple[str, ...]


@final
@dataclass(frozen=True)
class Wait:
    """Nothing is done until a person resumes it or, where that is what it waits for, approves of what it would spend."""

    reason: str
    approval: bool = False


@final
@dataclass(frozen=True)
class Done:
    outcome: Outcome


Action = Seed | LabelBatch | Calibrate | Train | Explore | Select | Verify | Finish | Wait | Done


def decide(state: CampaignState, config: CampaignConfig) -> Action:
    """The next action. Replaying any prefix of a journal gives the same answer again."""
    action = _without_asking(state, config)
    why = unapproved(state, config, labels=_labels_at_most(action, state, config))
    return action if why is None else Wait(why, approval=True)


def _labels_at_most(action: Action, state: CampaignState, config: CampaignConfig) -> int:
    """That an action may ask for."""
    match action:
        case Seed():
            return 2 * (config.seeding.relax_steps + 1)
        case LabelBatch() if state.pending is not None:
            return state.pending.batch_size + state.pending.probe
        case Verify():
            return 1
        case _:
            return 0


def _without_asking(state: CampaignState, config: CampaignConfig) -> Action:
    if state.outcome is not None:
        return Done(state.outcome)
    if state.paused is not None:
        return Wait(state.paused)
    if state.seeded is None:
        return Seed()
    if state.seeded.problem is not None:
        return Finish(Outcome.HALTED, (state.seeded.problem,))
    broken = _breaker(state, config)
    if broken is not None:
        return broken
    if state.pending is not None:
        return LabelBatch()
    if _calibration_due(state):
        return Calibrate()
    return _after_labels(state, config)


def _after_labels(state: CampaignState, config: CampaignConfig) -> Action:
    iteration = state.iteration
    if state.verified is None and _worth_verifying(state, config):
        if (proof := _proof(state, config)) is not None:
            return proof
        if _ways_hold(state, config):
            return Verify(iteration - 1)
    if state.verified is not None and state.verified.outcome is not None:
        return Finish(state.verified.outcome, state.verified.evidence)
    if (stepwise := _stepwise(state, config)) is not None:
        return stepwise
    left = remaining(state, config)
    if left.spent is not None and not _unseen(state):
        return _last_word(state, config) or _spent(state, config, left.spent)
    if state.trained is None or state.trained.dataset < state.dataset:
        return Train(iteration)
    if state.explored is None or state.explored.iteration < state.trained.iteration:
        return Explore(state.trained.iteration)
    focus = focused(state, config)
    size = min(config.selection.focus_batch if focus else config.selection.batch, left.labels)
    return Select(state.trained.iteration, focus=focus, size=size, probe=_probe(state, config, left.labels - size))


def _calibration_due(state: CampaignState) -> bool:
    seen = state.calibrated.points if state.calibrated is not None else 0
    return len(state.arm) > seen


def focused(state: CampaignState, config: CampaignConfig) -> bool:
    """Once the saddle is nearly right, labels are spent around it."""
    rounds = [labelled for labelled in state.labelled if not labelled.proof]
    return nearly_right(rounds[-1].saddle if rounds else None, config)


def nearly_right(test: SaddleTest | None, config: CampaignConfig) -> bool:
    """Is the reference's saddle so near that the way to it is to learn its surroundings?"""
    rule = config.selection
    return (
        test is not None
        and test.force_max < rule.focus_force
        and abs(test.error_kcal) < rule.focus_energy
        and test.disagreement < rule.focus_disagreement
    )


def holds(test: SaddleTest | None, config: CampaignConfig) -> bool:
    """Does the reference bear this saddle out as a stationary point of the right energy, at all the points compared?"""
    rule = config.verification
    return (
        test is not None
        and abs(test.error_kcal) <= rule.barrier_tolerance
        and abs(test.product_error_kcal) <= rule.barrier_tolerance
        and test.force_max <= rule.force_tolerance
        and test.negative_modes == 1
        and test.downhill is True
    )


def _worth_verifying(state: CampaignState, config: CampaignConfig) -> bool:
    rule = config.verification
    recent = tuple(labelled for labelled in state.labelled[state.rounds_before :] if not labelled.proof)[-rule.consecutive :]
    if len(recent) < rule.consecutive or not all(holds(labelled.saddle, config) for labelled in recent):
        return False
    if recent[-1].iteration != state.iteration:  # the newest model has not been tested yet
        return False
    arms = (*recent, *_proofs(state))
    return _arm_good_enough(arms, rule.random_arm_mae) and _same_kind(recent)


def _proof(state: CampaignState, config: CampaignConfig) -> Select | None:
    """Before the last checks the model shows what it is worth: on the ways down from its saddle, then on structures drawn by lot,
    in batches, so that the later ones test the bound that the earlier ones gave."""
    proofs, rule, left = _proofs(state), config.verification, remaining(state, config).labels
    if state.explored is None or (proofs and proofs[-1].asked == 0):  # nothing unlabelled is left to draw
        return None
    if not proofs and 0 < 2 * rule.way_points <= left:
        return Select(state.iteration - 1, focus=True, size=0, proof=True, ways=True)
    size = min(rule.proof_batch, rule.proof - sum(labelled.asked for labelled in proofs if labelled.ways is None))
    if size <= 0 or left < size or not _ways_hold(state, config):
        return None
    return Select(state.iteration - 1, focus=True, size=size, proof=True)


def _ways_hold(state: CampaignState, config: CampaignConfig) -> bool:
    """Does the reference agree with the newest model on the ways down from its saddle?"""
    rule = config.verification
    if not rule.way_points:
        return True
    return any(
        test.force_error_max <= rule.way_force and test.energy_error_kcal <= rule.way_energy and 2 * test.points >= test.asked
        for test in (labelled.ways for labelled in _proofs(state))
        if test is not None
    )


def _proofs(state: CampaignState) -> tuple[Labelled, ...]:
    """The proof batches of the newest model."""
    return tuple(labelled for labelled in state.labelled if labelled.proof and labelled.iteration == state.iteration)


def _probe(state: CampaignState, config: CampaignConfig, labels: int) -> int:
    """Gradients to relax the band's valley with, once the reference all but agreed with the last one. The first is paid for."""
    steps, now = config.verification.probe_steps, state.explored
    last = state.labelled[-1].valley if state.labelled else None
    if now is None or now.valley_kcal is None or now.through is not None or last is None or last.force_max is None:
        return 0
    near = last.force_max <= config.selection.focus_force
    done = sum(probe.relaxed for probe in state.probes)
    return min(steps, labels) if near and done < PROBES and labels >= min(steps, LEAST_STEPS) else 0


def _stepwise(state: CampaignState, config: CampaignConfig) -> Finish | None:
    """The reference has an intermediate, and round after round the path runs through it."""
    recent = _newest(state, config)
    if recent is None or len({e.through for e in recent}) > 1:
        return None
    return _through(state, recent, f"in {len(recent)} rounds after that the path ran through it")


def _last_word(state: CampaignState, config: CampaignConfig) -> Finish | None:
    """The budget is spent, and all there is to judge by is the last path through an intermediate just found."""
    recent = _newest(state, config)
    if recent is None or any(e.valley_kcal is None for e in recent):
        return None
    return _through(state, recent, "after that the budget was spent, and the path that was found last ran through it")


def _unseen(state: CampaignState) -> bool:
    """An intermediate was found with the last labels: looking once more for the path costs none."""
    last = state.labelled[-1] if state.labelled else None
    if last is None or last.valley is None or not last.valley.intermediate:
        return False
    return state.explored is None or state.explored.iteration < last.iteration


def _through(state: CampaignState, recent: tuple[Explored, ...], how: str) -> Finish | None:
    """Stepwise by the intermediate that the newest path runs through, unless a saddle joins both ends."""
    if any(e.saddle is not None and e.saddle.refused is None and e.saddle.joins for e in recent):
        return None
    found = next((probe for probe in state.probes if probe.intermediate and probe.key == recent[-1].through), None)
    if found is None:
        return None
    said = (
        f"an intermediate with the bonds of neither end lies at {found.kcal:z.1f} kcal/mol between them: the reference relaxes "
        f"to it, with a largest force of {found.force_max:.3f} eV/angstrom"
    )
    return Finish(Outcome.STEPWISE, (said, how))


def _newest(state: CampaignState, config: CampaignConfig) -> tuple[Explored, ...] | None:
    """As many explorations as it takes to believe something."""
    count = config.verification.consecutive
    recent = state.explorations[state.explorations_before :][-count:]
    return recent if len(recent) == count else None


def _same_kind(recent: tuple[Labelled, ...]) -> bool:
    """All joined to both ends, or all not: a stepwise reaction needs its evidence in each round, too."""
    return len({labelled.saddle.joins for labelled in recent if labelled.saddle is not None}) == 1


def _arm_good_enough(recent: tuple[Labelled, ...], limit: float) -> bool:
    errors = [point.force_mae for labelled in recent for point in labelled.arm]
    return bool(errors) and sum(errors) / len(errors) <= limit


def _breaker(state: CampaignState, config: CampaignConfig) -> Finish | None:
    if not state.labelled:
        return None
    last, rule = state.labelled[-1], config.breaker
    if last.failed >= rule.least and last.failed > rule.share * last.asked:
        kinds = ", ".join(f"{count} {kind}" for kind, count in last.failures.items())
        cause = f"{last.failed} of {last.asked} labels of the last batch failed ({kinds}); {last.failure_text}"
        return Finish(Outcome.HALTED, (cause,))
    return None


def _spent(state: CampaignState, config: CampaignConfig, why: str) -> Finish:
    """The name of the end when the budget is gone: what was seen again and again, else that it is gone."""
    explored = [e.saddle for e in state.explorations[-2:] if e.saddle is not None and e.saddle.refused is None]
    if len(explored) == 2 and all(saddle.negative_modes > 1 for saddle in explored):
        modes = explored[-1].negative_modes
        return Finish(Outcome.SECOND_ORDER, (f"the stationary point found keeps {modes} negative modes", why))
    tests = state.tests
    if not tests:
        return Finish(Outcome.BUDGET_SPENT, (why, "no saddle of the model was good enough to be tested"))
    last = tests[-1]
    said = (
        f"at the model's last saddle the barrier is {last.model_kcal:z.2f} kcal/mol on the model and "
        f"{last.reference_kcal:z.2f} at the reference, with a force of {last.force_max:.3f} eV/angstrom left"
    )
    if state.ways is not None and holds(last, config):
        said += f"; on the ways down from it the model is off by up to {state.ways.force_error_max:.2f} eV/angstrom"
    return Finish(Outcome.BUDGET_SPENT, (why, said))
