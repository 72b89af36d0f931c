"""The last checks before a barrier may be called verified, and the name of what was found instead."""

from __future__ import annotations

from reactal.campaign.decide import holds
from reactal.campaign.events import Outcome, SaddleTest, Verified, WayTest
from reactal.campaign.state import CampaignState
from reactal.chem import Label, Theory
from reactal.labeling.base import LabelOutcome
from reactal.stages.bench import Bench
from reactal.units import KCAL_PER_MOL

__all__ = ["broken_symmetry", "verify"]


def broken_symmetry(theory: Theory) -> Theory:
    """The unrestricted solution from orbitals that are mixed; a guess of atomic densities would not mix (GWH does)."""
    reference = "uhf" if theory.method in ("hf", "scf", "rhf", "uhf") else "uks"
    return theory.with_keywords(reference=reference, guess="gwh", guess_mix=True)


def verify(bench: Bench, state: CampaignState, *, iteration: int) -> Verified:
    """Asked for only once the saddle has passed its tests often enough."""
    test = state.tests[-1]
    bench.progress.begin("verify")
    stability, said = _stability(bench, test)
    outcome, evidence = _judge(bench, state, test, stability)
    event = Verified(
        iteration=iteration,
        outcome=outcome,
        evidence=(*evidence, *([said] if said else [])),
        asked=0 if _skips_stability(bench) else 1,
        computed=int(stability is not None and not stability.reused),
        reused=int(stability is not None and stability.reused),
        core_seconds=_seconds(stability),
        stability_kcal=_difference(bench, test, stability),
    )
    bench.progress.end(f"{outcome or 'not yet'}: {event.evidence[-1]}")
    return event


def _skips_stability(bench: Bench) -> bool:
    return not bench.config.verification.stability or bench.config.multiplicity != 1 or bench.theory.program != "psi4"


def _stability(bench: Bench, test: SaddleTest) -> tuple[LabelOutcome | None, str]:
    if _skips_stability(bench):
        return None, ""
    saddle = bench.structure_of(test.key)
    outcome = next(iter(bench.label_pool().label([saddle], theory=broken_symmetry(bench.theory))))
    if isinstance(outcome.answer, Label):
        difference = (outcome.answer.energy - bench.label_of(test.key).energy) / KCAL_PER_MOL
        return outcome, f"a broken-symmetry solution at the saddle lies {difference:+z.2f} kcal/mol from the reference's"
    return outcome, f"no broken-symmetry solution could be converged at the saddle ({outcome.answer.kind})"


def _difference(bench: Bench, test: SaddleTest, outcome: LabelOutcome | None) -> float | None:
    if outcome is None or not isinstance(outcome.answer, Label):
        return None
    return (outcome.answer.energy - bench.label_of(test.key).energy) / KCAL_PER_MOL


def _seconds(outcome: LabelOutcome | None) -> float:
    return outcome.answer.wall_seconds if outcome is not None and isinstance(outcome.answer, Label) else 0.0


def _judge(
    bench: Bench, state: CampaignState, test: SaddleTest, stability: LabelOutcome | None
) -> tuple[Outcome | None, tuple[str, ...]]:
    rule = bench.config.verification
    assert holds(test, bench.config)
    stationary = (
        f"at the model's saddle the barrier is {test.model_kcal:z.2f} kcal/mol on the model and {test.reference_kcal:z.2f} at "
        f"the reference, whose largest force there is {test.force_max:.3f} eV/angstrom"
    )
    difference = _difference(bench, test, stability)
    if difference is not None and difference < -rule.stability_margin:
        return Outcome.UNSTABLE_REFERENCE, (stationary,)
    borne = f"; {_borne_out(state.ways)}" if state.ways is not None else ""
    if test.joins:
        return Outcome.VERIFIED, (stationary, f"one negative mode; descents from it reach the bonds of both ends{borne}")
    if test.intermediate_force is not None and test.intermediate_force <= 2 * rule.force_tolerance:
        ends = state.explored.saddle.ends if state.explored and state.explored.saddle else ("other", "other")
        between = (
            f"the saddle joins {ends[0]} and {ends[1]}: an intermediate at {test.intermediate_kcal:z.1f} kcal/mol, where the "
            f"largest reference force is {test.intermediate_force:.3f} eV/angstrom, lies between the ends{borne}"
        )
        return Outcome.STEPWISE, (stationary, between)
    return None, (stationary, "the saddle does not join the two ends")


def _borne_out(ways: WayTest) -> str:
    return (
        f"at {ways.points} points on these ways down the reference agrees within {ways.force_error_max:.2f} eV/angstrom and "
        f"{ways.energy_error_kcal:.2f} kcal/mol"
    )
