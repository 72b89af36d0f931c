from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.errors import ConfigError, DamagedPotential, TooFewLabels, TrainingDiverged
from reactal.potentials.architecture import Architecture
from reactal.potentials.export import save_committee
from reactal.potentials.weights import Member
from reactal.training.committee import assemble, jobs, train_committee
from reactal.training.member import MemberJob, TrainedMember, run_job, train_member
from reactal.training.seeds import derive_seed
from reactal.training.settings import TrainingSettings
from tests.potentials.surface import METHANOL, WATER, labelled

SMALL = TrainingSettings(architecture=Architecture(features=8, interactions=1), steps_first=40, steps_warm=20, validate_every=10)
FRAMES = labelled(METHANOL, count=24)


@pytest.fixture(scope="module")
def member() -> TrainedMember:
    return train_member(FRAMES, SMALL, seed=1)


def test_the_same_arguments_give_the_same_bits(member: TrainedMember) -> None:
    assert train_member(FRAMES, SMALL, seed=1).weights == member.weights
    assert train_member(FRAMES, SMALL, seed=2).weights != member.weights


def test_a_traced_training_gives_what_an_eager_one_gives(member: TrainedMember) -> None:
    traced = train_member(FRAMES, replace(SMALL, trace_from=1), seed=1)
    assert traced.best.validation_loss == pytest.approx(member.best.validation_loss, rel=1e-3)


def test_training_lowers_the_error_and_keeps_the_best_weights(member: TrainedMember) -> None:
    longer = train_member(FRAMES, replace(SMALL, steps_first=300, learning_rate_first=1e-2), seed=1)
    assert longer.best.force_mae < 0.7 * member.best.force_mae
    assert longer.best.validation_loss == min(point.validation_loss for point in longer.curve)
    fold = FRAMES[np.array(longer.held_out)]
    said = assemble([longer]).predict(fold)
    assert np.abs(said.forces - fold.forces).mean() == pytest.approx(longer.best.force_mae, rel=1e-3)
    assert np.abs(said.energy - fold.energy).mean() == pytest.approx(longer.best.energy_mae, rel=1e-2)


def test_members_hold_out_different_rows_but_none_that_was_weighted_up() -> None:
    frames = FRAMES.with_extra(weight=[3.0] * 12 + [1.0] * 12)
    quick = replace(SMALL, steps_first=2)
    folds = [train_member(frames, quick, seed=seed).held_out for seed in range(5)]
    assert all(len(fold) >= 2 and min(fold) >= 12 for fold in folds)
    assert len(set(folds)) > 1


def test_no_row_that_was_trained_on_is_ever_held_out() -> None:
    """Through four rounds of growing data, with the seeds of each round and the weights as a committee stores them."""
    quick = replace(SMALL, steps_first=2, steps_warm=2)
    everything = labelled(METHANOL, count=120, seed=3)
    keys = np.array(everything.keys())
    trained_on: set[str] = set()
    warm = None
    for iteration, rows in enumerate((24, 40, 80, 120)):
        member = train_member(everything[:rows], quick, seed=derive_seed(0, iteration), warm_start=warm)
        held = set(keys[list(member.held_out)])
        assert len(held) >= 2
        assert not held & trained_on
        trained_on |= set(keys[:rows]) - held
        warm = save_committee(assemble([member]))["member-00.safetensors"]


def test_with_few_rows_all_are_trained_on_and_the_last_weights_kept() -> None:
    few = train_member(FRAMES[:10], SMALL, seed=1)
    assert few.held_out == ()
    assert np.isnan(few.best.validation_loss)
    assert few.best.step == SMALL.steps_first


def test_a_warm_start_begins_where_the_last_training_ended(member: TrainedMember) -> None:
    still = replace(SMALL, learning_rate_warm=1e-12, learning_rate_end=1e-12)
    same = train_member(FRAMES, still, seed=9, warm_start=member.weights)
    before, after = (assemble([m]).predict(FRAMES) for m in (member, same))
    assert after.forces == pytest.approx(before.forces, abs=1e-4)
    better = train_member(FRAMES, SMALL, seed=9, warm_start=member.weights)
    assert np.abs(assemble([better]).predict(FRAMES).forces - FRAMES.forces).mean() < np.abs(before.forces - FRAMES.forces).mean()


def test_reference_energies_stay_through_warm_starts(member: TrainedMember) -> None:
    more = Frames.concat([FRAMES, labelled(METHANOL, WATER, count=8, seed=5)])
    warm = train_member(more, SMALL, seed=1, warm_start=member.weights)
    assert Member.from_bytes(warm.weights).references == Member.from_bytes(member.weights).references


def test_unlabelled_rows_are_left_out(member: TrainedMember) -> None:
    bare = Frames.of(list(labelled(METHANOL, count=3, seed=7).structures()))
    assert train_member(Frames.concat([bare, FRAMES]), SMALL, seed=1).weights == member.weights
    with pytest.raises(TooFewLabels, match="no labelled structure"):
        train_member(bare, SMALL, seed=1)


def test_a_member_that_diverges_starts_again_with_a_smaller_rate() -> None:
    """The first rate throws the weights out of range, a thousandth of it does not."""
    wild = replace(SMALL, learning_rate_first=2e3, warmup=1, restarts=14)
    member = train_member(FRAMES, wild, seed=1)
    assert 0 < member.restarts <= 14
    assert np.isfinite(member.best.force_mae)
    with pytest.raises(TrainingDiverged, match=r"diverged 1 times .*lower the learning rate from 2000"):
        train_member(FRAMES, replace(wild, restarts=0), seed=1)


def test_weights_of_another_model_are_no_start(member: TrainedMember) -> None:
    other = replace(SMALL, architecture=Architecture(kind="schnet", features=8, interactions=1))
    with pytest.raises(ConfigError, match="train from scratch"):
        train_member(FRAMES, other, seed=1, warm_start=member.weights)
    with pytest.raises(DamagedPotential, match="weights to start from"):
        train_member(FRAMES, SMALL, seed=1, warm_start=b"nothing")


def test_bootstrap_and_schnet_train_too() -> None:
    drawn = train_member(FRAMES, replace(SMALL, bootstrap=True), seed=1)
    other = train_member(FRAMES, replace(SMALL, architecture=Architecture("schnet", 8, 1)), seed=1)
    assert np.isfinite(drawn.best.force_mae)
    assert np.isfinite(other.best.force_mae)


def test_mixed_sizes_train_in_one_set() -> None:
    frames = labelled(METHANOL, WATER, count=24)
    assert np.isfinite(train_member(frames, replace(SMALL, trace_from=1), seed=1).best.force_mae)


def test_progress_is_told_of_every_step() -> None:
    heard: list[tuple[int, int, float]] = []
    train_member(FRAMES, SMALL, seed=1, progress=lambda *news: heard.append(news))
    assert [step for step, _, _ in heard] == list(range(1, 41))
    assert {total for _, total, _ in heard} == {40}
    assert all(loss > 0 for _, _, loss in heard)


def test_a_committee_is_the_same_whoever_runs_its_jobs() -> None:
    work = jobs(FRAMES, SMALL, seeds=[derive_seed(7, "train", 0, member) for member in range(2)])
    here = train_committee(work)
    with ThreadPoolExecutor(1) as pool:
        there = train_committee(work, submit=pool.submit)
    assert [m.weights for m in here] == [m.weights for m in there]
    assert here[0].weights != here[1].weights
    spread = assemble(here, iteration=0).predict(FRAMES).force_spread
    assert (spread > 0).all()
    warm = jobs(FRAMES, SMALL, seeds=[1, 2], warm_starts=[m.weights for m in here])
    assert [job.warm_start for job in warm] == [m.weights for m in here]


def test_a_job_travels_as_bytes(member: TrainedMember) -> None:
    job = MemberJob.of(FRAMES, SMALL, seed=1)
    copy = pickle.loads(pickle.dumps(job))  # noqa: S301 as Dask does
    assert copy == job
    assert run_job(copy).weights == member.weights
    assert pickle.loads(pickle.dumps(member)).curve == member.curve  # noqa: S301


def test_seeds_differ_by_place_and_never_change() -> None:
    places = [(campaign, iteration, member) for campaign in range(3) for iteration in range(5) for member in range(4)]
    seeds = {derive_seed(campaign, "train", iteration, member) for campaign, iteration, member in places}
    assert len(seeds) == len(places)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed(0, "train", 0, 0) == 599019273  # campaigns under way go on as they began
    assert derive_seed(1, 23) != derive_seed(12, 3)
