"""What is done next follows from the journal and the file alone."""

from __future__ import annotations

import json
import math

import pytest

from reactal.campaign.decide import (
    Calibrate,
    Done,
    Explore,
    Finish,
    LabelBatch,
    Seed,
    Select,
    Train,
    Verify,
    Wait,
    decide,
    focused,
    holds,
)
from reactal.campaign.events import (
    Event,
    Finished,
    Outcome,
    Paused,
    Resumed,
    Trained,
    ValleyProbe,
    Verified,
    WayTest,
    parse_event,
)
from reactal.campaign.state import CampaignState, fold
from reactal.config import CampaignConfig
from tests.campaign.journals import (
    arm,
    beginning,
    calibrated,
    chosen,
    explored,
    labelled,
    round_of,
    saddle_test,
    seeded,
    started,
    trained,
    way_test,
)


def verified(outcome: Outcome | None) -> Verified:
    return Verified(
        iteration=1, outcome=outcome, evidence=("said",), asked=1, computed=1, reused=0, core_seconds=1.0, stability_kcal=0.0
    )


def test_the_loop_in_order(config: CampaignConfig) -> None:
    events = [started(), seeded(), labelled(0), trained(0), explored(0), chosen(1), labelled(1, points=arm(2)), calibrated(2)]
    expected = [Seed, LabelBatch, Train, Explore, Select, LabelBatch, Calibrate, Train]
    state = CampaignState()
    for event, action in zip(events, expected, strict=True):
        state = fold([event], state)
        assert type(decide(state, config)) is action


def test_nothing_is_verified_on_one_good_round(config: CampaignConfig) -> None:
    state = fold([*beginning(), *round_of(0)])
    assert isinstance(decide(state, config), Train)


def test_two_good_rounds_in_a_row_are_worth_verifying(config: CampaignConfig) -> None:
    state = fold([*beginning(), *round_of(0), *round_of(1)])
    assert decide(state, config) == Verify(1)


@pytest.mark.parametrize("spoilt", [{"error": 1.2}, {"force": 0.2}, {"modes": 2}, {"joins": False}])
def test_a_bad_last_round_is_never_verified(config: CampaignConfig, spoilt: dict[str, float]) -> None:
    state = fold([*beginning(), *round_of(0), *round_of(1, **spoilt)])
    assert not isinstance(decide(state, config), Verify)


def test_a_random_arm_that_errs_holds_the_campaign_back(config: CampaignConfig) -> None:
    rounds = [*round_of(0), *round_of(1)]
    bad = [e.model_copy(update={"arm": arm(2, mae=5.0)}) if e.kind == "labelled" else e for e in rounds]
    assert isinstance(decide(fold([*beginning(), *bad]), config), Train)


def test_the_outcome_of_the_checks_ends_the_campaign(config: CampaignConfig) -> None:
    events = [*beginning(), *round_of(0), *round_of(1), verified(Outcome.UNSTABLE_REFERENCE)]
    assert decide(fold(events), config) == Finish(Outcome.UNSTABLE_REFERENCE, ("said",))


def test_the_model_is_proved_on_random_structures_before_the_last_checks(config: CampaignConfig) -> None:
    wanting = config.model_copy(update={"verification": config.verification.model_copy(update={"proof": 12, "proof_batch": 6})})
    events = [*beginning(), *round_of(0), *round_of(1)]
    proof = [labelled(2, asked=6, points=arm(6), proof=True), calibrated(10)]
    assert decide(fold(events), wanting) == Select(1, focus=True, size=6, proof=True)
    assert decide(fold([*events, *proof]), wanting) == Select(1, focus=True, size=6, proof=True)
    assert decide(fold([*events, *proof, proof[0], calibrated(16)]), wanting) == Verify(1)
    failed = [labelled(2, asked=6, points=arm(6, mae=3.0), proof=True), calibrated(10)]
    assert isinstance(decide(fold([*events, *failed]), wanting), Train)


def asking(config: CampaignConfig, **rules: int) -> CampaignConfig:
    return config.model_copy(update={"verification": config.verification.model_copy(update=rules)})


def test_nothing_is_verified_before_the_reference_agrees_on_the_ways_down(config: CampaignConfig) -> None:
    wanting = asking(config, proof=12, proof_batch=6, way_points=3)
    events = [*beginning(), *round_of(0), *round_of(1)]
    assert decide(fold(events), wanting) == Select(1, focus=True, size=0, proof=True, ways=True)
    events += [labelled(2, asked=6, proof=True, ways=way_test())]
    assert decide(fold(events), wanting) == Select(1, focus=True, size=6, proof=True)
    for points in (10, 16):
        assert decide(fold(events), wanting) == Select(1, focus=True, size=6, proof=True)
        events += [labelled(2, asked=6, points=arm(6), proof=True), calibrated(points)]
    assert decide(fold(events), wanting) == Verify(1)


@pytest.mark.parametrize(
    "ways",
    [way_test(force=0.6), way_test(energy=2.5), way_test(points=2), None],
    ids=["forces", "energies", "too few were labelled", "none was labelled"],
)
def test_where_it_does_not_agree_it_goes_on_and_asks_again(config: CampaignConfig, ways: WayTest | None) -> None:
    wanting = asking(config, way_points=3, proof=12, proof_batch=6)
    events = [*beginning(), *round_of(0), *round_of(1), labelled(2, asked=6, proof=True, ways=ways)]
    assert isinstance(decide(fold(events), wanting), Train)
    *round_two, tested, bounded = round_of(2)
    for event, action in zip(round_two, (Explore, Select, LabelBatch), strict=True):
        events.append(event)
        assert isinstance(decide(fold(events), wanting), action)  # the old pool says nothing of the new model
    events += [tested, bounded]
    assert decide(fold(events), wanting) == Select(2, focus=True, size=0, proof=True, ways=True)
    events.append(labelled(3, asked=6, proof=True, ways=way_test()))
    assert decide(fold(events), wanting) == Select(2, focus=True, size=6, proof=True)


def test_a_budget_too_small_for_the_ways_down_verifies_nothing(config: CampaignConfig) -> None:
    wanting = asking(config, way_points=3)
    events = [*beginning(), *round_of(0), *round_of(1)]
    spent = fold(events).labels_asked
    short = wanting.model_copy(update={"budget": config.budget.model_copy(update={"labels": spent})})
    action = decide(fold(events), short)
    assert isinstance(action, Finish)
    assert action.outcome is Outcome.BUDGET_SPENT


def test_checks_without_a_verdict_send_it_on(config: CampaignConfig) -> None:
    assert isinstance(decide(fold([*beginning(), *round_of(0), *round_of(1), verified(None)]), config), Train)


def test_budget(config: CampaignConfig) -> None:
    small = config.model_copy(update={"budget": config.budget.model_copy(update={"labels": 30})})
    action = decide(fold([*beginning(), *round_of(0, force=0.3)]), small)
    assert isinstance(action, Finish)
    assert action.outcome is Outcome.BUDGET_SPENT
    assert "30 labels" in action.evidence[0]


def test_a_verdict_is_not_lost_to_a_budget_spent_in_the_same_round(config: CampaignConfig) -> None:
    small = config.model_copy(update={"budget": config.budget.model_copy(update={"labels": 41})})
    assert decide(fold([*beginning(), *round_of(0), *round_of(1)]), small) == Verify(1)


def test_the_breaker_halts_with_the_cause(config: CampaignConfig) -> None:
    action = decide(fold([started(), seeded(), labelled(0, asked=10, failed=7)]), config)
    assert isinstance(action, Finish)
    assert action.outcome is Outcome.HALTED
    assert "7 of 10" in action.evidence[0]
    assert "the program died" in action.evidence[0]


def test_ends_that_cannot_be_used_halt(config: CampaignConfig) -> None:
    assert decide(fold([started(), seeded(problem="both ends are the same")]), config) == Finish(
        Outcome.HALTED, ("both ends are the same",)
    )


def test_pause_and_resume(config: CampaignConfig) -> None:
    paused = [*beginning(), Paused(reason="lunch")]
    assert decide(fold(paused), config) == Wait("lunch")
    assert isinstance(decide(fold([*paused, Resumed(reason="back")]), config), Train)


def test_a_finished_campaign_is_done_and_goes_on_with_a_fresh_budget(config: CampaignConfig) -> None:
    small = config.model_copy(update={"budget": config.budget.model_copy(update={"labels": 30})})
    events = [*beginning(), *round_of(0, force=0.3), Finished(outcome=Outcome.BUDGET_SPENT, evidence=("spent",))]
    assert decide(fold(events), small) == Done(Outcome.BUDGET_SPENT)
    assert isinstance(decide(fold([*events, Resumed(reason="night")]), small), Train)


def test_a_fresh_budget_asks_for_fresh_evidence(config: CampaignConfig) -> None:
    events = [*beginning(), *round_of(0), *round_of(1), verified(Outcome.VERIFIED)]
    events += [Finished(outcome=Outcome.VERIFIED, evidence=("said",)), Resumed(reason="night")]
    assert isinstance(decide(fold(events), config), Train)
    assert isinstance(decide(fold([*events, *round_of(2)]), config), Train)
    assert decide(fold([*events, *round_of(2), *round_of(3)]), config) == Verify(3)


def valleys(*through: str | None, first: int = 0) -> list[Event]:
    """Rounds in which the band ran through a valley: through this intermediate, or one that nobody knows (None)."""
    rounds = []
    for iteration, name in enumerate(through, start=first):
        saw = {"valley_kcal": 40.0, "through": name, "saddle": explored(iteration).saddle.model_copy(update={"refused": "doubt"})}
        rounds += [trained(iteration), explored(iteration).model_copy(update=saw), chosen(iteration + 1), labelled(iteration + 1)]
    return rounds


def seen(iteration: int, *, force: float) -> Event:
    """A batch with the label of the model's valley in it."""
    probe = ValleyProbe(key="there", intermediate=False, kcal=41.0, force_max=force)
    return labelled(iteration).model_copy(update={"valley": probe})


def found(iteration: int, *, intermediate: bool = True) -> Event:
    probe = ValleyProbe(key="third", intermediate=intermediate, kcal=38.0, force_max=0.03, relaxed=True)
    return labelled(iteration, asked=20).model_copy(update={"valley": probe})


def near_a_valley(config: CampaignConfig) -> list[Event]:
    return [*beginning(), *valleys(None)[:-1], seen(1, force=config.selection.focus_force), *valleys(None, first=1)[:-2]]


def test_a_valley_is_relaxed_once_the_reference_all_but_agrees(config: CampaignConfig) -> None:
    steps = config.verification.probe_steps
    assert decide(fold([*beginning(), *valleys(None)[:2]]), config) == Select(0, focus=False, size=10)
    near = near_a_valley(config)
    assert decide(fold(near), config) == Select(1, focus=False, size=10, probe=steps)
    far = [*near[:-2], trained(1), explored(1)]
    assert decide(fold(far), config) == Select(1, focus=False, size=10)
    wrong = [*beginning(), *valleys(None)[:-1], seen(1, force=config.selection.focus_force + 0.1), *near[-2:]]
    assert decide(fold(wrong), config) == Select(1, focus=False, size=10)
    never = config.model_copy(update={"verification": config.verification.model_copy(update={"probe_steps": 0})})
    assert decide(fold(near), never) == Select(1, focus=False, size=10)


def test_a_valley_is_not_relaxed_without_the_labels_for_it(config: CampaignConfig) -> None:
    events = near_a_valley(config)
    few = fold(events).labels_asked + config.selection.batch
    steps = config.verification.probe_steps
    for labels, probe in ((few + steps, steps), (few + steps - 1, steps - 1), (few + 8, 8), (few + 7, 0)):
        tight = config.model_copy(update={"budget": config.budget.model_copy(update={"labels": labels})})
        assert decide(fold(events), tight) == Select(1, focus=False, size=10, probe=probe)


def test_relaxing_in_vain_has_an_end(config: CampaignConfig) -> None:
    large = config.model_copy(update={"budget": config.budget.model_copy(update={"labels": 1000})})
    events, probes = near_a_valley(config), []
    for iteration in range(2, 7):
        action = decide(fold(events), large)
        assert isinstance(action, Select)
        probes.append(action.probe)
        events += [chosen(iteration), found(iteration, intermediate=False), *valleys(None, first=iteration)[:-2]]
    assert probes == [large.verification.probe_steps] * 3 + [0, 0]


def test_an_intermediate_that_the_path_keeps_to_makes_it_stepwise(config: CampaignConfig) -> None:
    events = [*beginning(), *valleys(None, None)[:-1], found(2)]
    assert isinstance(decide(fold([*events, *valleys("third", first=2)[:2]]), config), Select)
    action = decide(fold([*events, *valleys("third", "third", first=2)[:-2]]), config)
    assert isinstance(action, Finish)
    assert action.outcome is Outcome.STEPWISE
    assert "38.0 kcal/mol" in action.evidence[0]
    assert isinstance(decide(fold([*events, *valleys("third", None, first=2)[:-2]]), config), Select)


def test_an_intermediate_found_with_the_last_labels_is_looked_for_once_more(config: CampaignConfig) -> None:
    events = [*beginning(), *valleys(None, None)[:-1], found(2)]
    spent = config.model_copy(update={"budget": config.budget.model_copy(update={"labels": fold(events).labels_asked})})
    assert decide(fold(events), spent) == Train(2)
    assert decide(fold([*events, trained(2)]), spent) == Explore(2)
    for through, outcome in (("third", Outcome.STEPWISE), (None, Outcome.BUDGET_SPENT)):
        action = decide(fold([*events, *valleys(through, first=2)[:2]]), spent)
        assert isinstance(action, Finish)
        assert action.outcome is outcome
    in_vain = decide(fold([*events[:-1], found(2, intermediate=False)]), spent)
    assert isinstance(in_vain, Finish)
    assert in_vain.outcome is Outcome.BUDGET_SPENT


def test_nothing_is_stepwise_whose_saddle_joins_both_ends(config: CampaignConfig) -> None:
    events = [*beginning(), *valleys(None, None)[:-1], found(2), *valleys("third", "third", first=2)[:-2]]
    last = explored(3).model_copy(update={"valley_kcal": 40.0, "through": "third"})
    assert isinstance(decide(fold([*events[:-1], last]), config), Select)


def test_a_fresh_budget_asks_for_fresh_evidence_of_the_steps(config: CampaignConfig) -> None:
    events = [*beginning(), *valleys(None, None)[:-1], found(2), *valleys("third", "third", first=2)[:-2]]
    events += [Finished(outcome=Outcome.STEPWISE, evidence=("said",)), Resumed(reason="night")]
    assert isinstance(decide(fold(events), config), Select)
    assert isinstance(decide(fold([*events, *valleys("third", "third", first=4)[:-2]]), config), Finish)


def test_focus_begins_near_the_saddle(config: CampaignConfig) -> None:
    near, far = saddle_test(force=0.5, error=2.0), saddle_test(force=0.9, error=2.0)
    assert focused(fold([*beginning(), labelled(1, saddle=near)]), config)
    assert not focused(fold([*beginning(), labelled(1, saddle=far)]), config)


def test_holds_needs_every_point(config: CampaignConfig) -> None:
    assert holds(saddle_test(), config)
    assert not holds(None, config)
    assert not holds(saddle_test().model_copy(update={"product_error_kcal": 1.5}), config)
    assert not holds(saddle_test().model_copy(update={"downhill": False}), config)
    assert not holds(saddle_test().model_copy(update={"downhill": None}), config)
    assert not holds(saddle_test(modes=2), config)


def test_events_survive_the_journal(config: CampaignConfig) -> None:
    events = [*beginning(), *round_of(0), verified(None), Finished(outcome=Outcome.STEPWISE, evidence=("a", "b"))]
    again = [parse_event(json.loads(json.dumps(event.as_json(), allow_nan=False))) for event in events]
    assert again == events
    for length in range(len(events)):
        assert decide(fold(events[:length]), config) == decide(fold(again[:length]), config)


def test_a_member_that_held_nothing_out_goes_into_the_journal() -> None:
    event = trained(0).model_copy(update={"force_mae": (math.nan, 0.1), "curves": (((0, math.inf),), ())})
    again = parse_event(json.loads(json.dumps(event.as_json(), allow_nan=False)))
    assert isinstance(again, Trained)
    assert math.isnan(again.force_mae[0])
    assert (again.force_mae[1], again.curves) == (0.1, event.curves)
