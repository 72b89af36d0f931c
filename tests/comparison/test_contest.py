"""Whole comparisons on a small pool: fair, resumable, and told in figures, tables and runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.chem.files import read_any, write_labelled
from reactal.comparison.chain import Chain, carry_on
from reactal.comparison.records import Rounds, chain_prefix, start_prefix
from reactal.contest import open_contest, plain
from reactal.errors import ConfigError, InputError
from tests.comparison.contests import TEST, request


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("compare")
    with open_contest(request(folder)) as driver:
        return folder, driver.run()


def verdict_of(numbers: dict[str, Any], *names: str) -> dict[str, Any]:
    """Of this strategy, metric and region."""
    (verdict,) = (v for v in numbers["verdicts"] if (v["strategy"], v["metric"], v["region"]) == names)
    return verdict


def chains(folder: Path, **changes: Any) -> list[Chain]:
    with open_contest(request(folder, **changes)) as driver:
        return driver.contest.chains()


def test_every_strategy_of_a_seed_has_the_same_start_and_budget(done: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = done
    for seed in range(2):
        found = {chain.strategy: carry_on(chain) for chain in chains(folder) if chain.seed == seed}
        assert set(found) == {"random", "farthest", "campaign"}
        assert len({records[0].model for records in found.values()}) == 1
        for records in found.values():
            assert [record.labels for record in records] == [6, 10, 14]
            rows = [row for record in records for row in record.picked]
            assert len(set(rows)) == len(rows) == 14 and max(rows) < 40
    assert len({carry_on(chain)[0].picked for chain in chains(folder)}) == 2, "each seed starts elsewhere"


def test_what_is_written_says_what_was_measured(done: tuple[Path, dict[str, Any]]) -> None:
    folder, result = done
    numbers = json.loads((folder / "out" / "comparison.json").read_text())
    assert numbers["regions"] == {"all": TEST, "left": 7, "right": TEST - 7}
    verdict = verdict_of(numbers, "random", "force_mae", "all")
    assert (verdict["labels_ratio"]["mean"], verdict["area_ratio"]["mean"]) == (1.0, 1.0)
    chain = next(chain for chain in chains(folder) if chain.strategy == "farthest" and chain.seed == 0)
    finals = [carry_on(replace(chain, seed=seed))[-1].errors["left"].force_mae for seed in (0, 1)]
    (verdict,) = (
        v for v in numbers["verdicts"] if (v["strategy"], v["metric"], v["region"]) == ("farthest", "force_mae", "left")
    )
    assert verdict["final"]["mean"] == pytest.approx(np.mean(finals))
    assert verdict["final"]["low"] is None, "two seeds have no interval"
    assert "| farthest |" in (folder / "out" / "comparison.md").read_text()
    assert all(Path(file).stat().st_size > 0 for file in result["files"])


def test_nothing_finished_is_done_again(done: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even when strategies and seeds are added: the trainings are those of the new chains alone."""
    import reactal.training.committee as committee

    folder, before = done
    trained = []
    real = committee.train_committee
    monkeypatch.setattr(committee, "train_committee", lambda jobs, **more: trained.append(len(jobs)) or real(jobs, **more))
    with open_contest(request(folder)) as driver:
        again = driver.contest.conclude(driver.compete(), target=None)
    assert not trained
    assert plain(again.as_json())["curves"] == plain(before)["curves"]
    with open_contest(request(folder, strategies=("farthest", "disagreement"))) as driver:
        driver.compete()
    assert len(trained) == 2 * 2, "two rounds of one new strategy with two seeds"


def test_a_chain_that_lost_its_last_record_makes_the_same_one_again(done: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = done
    with open_contest(request(folder)) as driver:
        objects = driver.contest.objects
        chain = next(chain for chain in driver.contest.chains() if chain.strategy == "campaign" and chain.seed == 1)
        prefix = chain_prefix(chain.digest, chain.strategy, chain.seed)
        start = Rounds(objects, start_prefix(chain.digest, chain.seed), first=0)
        whole = carry_on(chain)
        for key in list(objects.list(prefix)):
            objects.delete(key)
        anew = carry_on(chain)
    assert start.read(last=0)[0] == whole[0]
    assert [(r.picked, r.model, r.errors) for r in anew] == [(r.picked, r.model, r.errors) for r in whole]


def test_a_strategy_never_sees_a_label(done: tuple[Path, dict[str, Any]]) -> None:
    """With other labels on what the start does not hold, it chooses the same."""
    folder, _ = done
    (chain, *_) = [chain for chain in chains(folder) if chain.strategy == "farthest" and chain.seed == 0]
    first = carry_on(chain)[1].picked
    pool = read_any(folder / "pool.extxyz")
    known = np.isin(np.arange(len(pool)), carry_on(chain)[0].picked)
    other = replace(pool, forces=np.where(np.repeat(known, 3)[:, None], pool.forces, 0.7 * pool.forces))
    asked = request(folder / "other")
    write_labelled(folder / "other" / "pool.extxyz", other)
    with open_contest(asked) as driver:
        driver.prepare()
        (twin,) = [chain for chain in driver.contest.chains() if chain.strategy == "farthest" and chain.seed == 0]
        assert twin.digest != chain.digest
        assert carry_on(twin)[1].picked == first


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"start": 30, "batch": 20}, "fewer than a start of 30 and one batch of 20"),
        ({"rounds": 30}, "write --rounds 8"),
        ({"strategies": ("fartest",)}, "did you mean farthest"),
        ({"strategies": ("farthest", "farthest")}, "named twice"),
        ({"strategies": ("ucb:kapa=2",)}, "no setting kapa"),
        ({"strategies": ("ucb:kappa=much",)}, "not of the form setting=number"),
        ({"strategies": ("transition",)}, "needs a column progress"),
        ({"pool": "nothing.xyz"}, "there is no file nothing.xyz"),
    ],
)
def test_what_cannot_be_compared_is_said_before_anything_is_written(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said), open_contest(request(tmp_path, **changes)):
        pass
    assert not (tmp_path / "out").exists()


def test_labels_of_two_theories_are_refused(tmp_path: Path) -> None:
    asked = request(tmp_path)
    pool = read_any(tmp_path / "pool.extxyz")
    write_labelled(
        tmp_path / "pool.extxyz", replace(pool, energy=np.where(np.arange(len(pool)) < 20, pool.energy, 27 * pool.energy))
    )
    with pytest.raises(InputError, match="two heaps"), open_contest(asked):
        pass
    write_labelled(tmp_path / "pool.extxyz", pool.with_extra(theory=np.where(np.arange(len(pool)) < 20, "hf", "pbe")))
    with pytest.raises(InputError, match="hf and pbe"), open_contest(asked):
        pass


def test_an_unlabelled_pool_is_refused_and_a_leak_is_mended(tmp_path: Path) -> None:
    asked = request(tmp_path)
    pool, test = read_any(tmp_path / "pool.extxyz"), read_any(tmp_path / "test.extxyz")
    write_labelled(tmp_path / "pool.parquet", replace(pool, energy=np.full(len(pool), np.nan)))
    bare = asked.model_copy(update={"pool": str(tmp_path / "pool.parquet")})
    with pytest.raises(InputError, match="no structure with energy and forces"), open_contest(bare):
        pass
    write_labelled(tmp_path / "pool.extxyz", Frames.concat([pool, pool[:2], test[:3]]))
    with open_contest(asked) as driver:
        assert len(driver.contest.material.pool) == len(pool)
        assert "5 structures" in driver.contest.material.notes[0]


@pytest.mark.slow
def test_strategies_stand_side_by_side_in_mlflow(done: tuple[Path, dict[str, Any]]) -> None:
    from mlflow import MlflowClient

    folder, _ = done
    asked = request(folder).model_copy(update={"seeds": 1, "tracking": f"sqlite:///{folder / 'mlflow.db'}"})
    for _ in range(2):  # the second time there is nothing new to tell
        with open_contest(asked) as driver:
            driver.run()
    client = MlflowClient(asked.tracking)
    experiment = client.get_experiment_by_name("reactal-compare")
    assert experiment is not None
    runs = {run.data.tags["reactal.path"]: run for run in client.search_runs([experiment.experiment_id], max_results=50)}
    seeds = [run for path, run in runs.items() if "seed" in path]
    assert len(seeds) == 3
    assert {frozenset(run.data.metrics) for run in seeds} == {frozenset(seeds[0].data.metrics)}, "the same names in every run"
    history = client.get_metric_history(seeds[0].info.run_id, "force_mae")
    assert sorted(point.step for point in history) == [6, 10, 14], "each point is there once"
    assert {run.data.params["strategy"] for run in seeds} == {"random", "farthest", "campaign"}


def test_column_of_numbers_must_hold_numbers(tmp_path: Path) -> None:
    asked = request(tmp_path)
    pool = read_any(tmp_path / "pool.extxyz")
    write_labelled(tmp_path / "pool.extxyz", pool.with_extra(cost=np.full(len(pool), "dear")))
    with pytest.raises(ConfigError, match="column cost"), open_contest(asked):
        pass
