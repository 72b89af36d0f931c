"""A slice of `make chaos`: some campaigns on real servers that die under them, each as good as an undisturbed one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.__main__ import chaos
from tests.chaos.disk import small_disk
from tests.chaos.outcome import Outcome, append, read, summary
from tests.chaos.plan import AT_MOST, FAULTS, FULL, ON_S3, TOGETHER, WINDOW, plan
from tests.chaos.run import wrong_words

FIRST, RUNS, MINUTES = 0, 2, 1.0


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(900)
def test_disturbed_campaigns_come_to_the_same_end_and_pay_for_nothing_twice(tmp_path: Path) -> None:
    found = summary(chaos(tmp_path, range(FIRST, FIRST + RUNS), minutes=MINUTES, warm=1))
    assert found["runs"]
    assert found["faults_injected"]
    assert found["failed"] == []
    assert found["labels_lost"] == 0


def test_a_plan_follows_from_its_seed_and_all_faults_come() -> None:
    plans = [plan(seed, 40.0) for seed in range(200)]
    assert plans == [plan(seed, 40.0) for seed in range(200)]
    times = Counter(fault.kind for faults in plans for fault in faults)
    assert set(times) == set(FAULTS)
    assert min(times.values()) >= 5, "200 runs meet each of them"
    assert all(1 <= len(faults) <= AT_MOST for faults in plans)
    assert all(0 <= fault.after <= WINDOW * 40.0 for faults in plans for fault in faults)
    assert all(fault.after == 0.0 for faults in plans for fault in faults if fault.kind == TOGETHER)


def test_a_disk_and_s3_do_not_fail_in_the_same_run() -> None:
    for seed in range(200):
        kinds = {fault.kind for fault in plan(seed, 40.0)}
        assert not (FULL in kinds and kinds & set(ON_S3))
        assert FULL not in {fault.kind for fault in plan(seed, 40.0, without=(FULL,))}


def test_outcomes_outlive_a_sitting_and_the_last_word_on_a_seed_counts(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    assert read(file) == []
    for outcome in (
        Outcome(3, ["kill driver at 1.0 s", f"{TOGETHER} at 0.0 s"], recovery=2.0, paid_twice=1, wrong=["another model"]),
        Outcome(1, ["kill driver at 2.0 s"], recovery=4.5),
        Outcome(3, ["kill driver at 1.0 s"], recovery=1.0, paid_twice=1),
    ):
        append(file, outcome)
    found = summary(read(file))
    assert found["faults"] == {"kill driver": 2}
    assert (found["runs"], found["labels_paid_twice"], found["longest_recovery_s"], found["failed"]) == (2, 1, 4.5, [])
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("code", "output", "errors", "complaint"),
    [
        (0, '{"verdict": "verified"}', "", ""),
        (0, "", "", "no JSON object"),
        (1, '{"error": "no room", "exit_code": 1}', "error: no room", ""),
        (1, '{"error": "no room", "exit_code": 2}', "error: no room", "exit code in the object"),
        (1, '{"error": "no room", "exit_code": 1}', "error: no room\n  File", "last line"),
        (130, '{"error": "stopped", "exit_code": 130}', "stopped; run again to go on", ""),
    ],
)
def test_last_words_of_a_driver_are_judged(code: int, output: str, errors: str, complaint: str) -> None:
    said = wrong_words(code, output, errors)
    assert complaint in said if complaint else not said


def test_a_small_disk_is_full_until_it_is_freed(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        if disk is None:
            assert not any((tmp_path / "disk").iterdir())
            return
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (disk.folder / "more").write_bytes(b"\0" * 8192)
        disk.free()
        (disk.folder / "more").write_bytes(b"\0" * 8192)
    assert not (tmp_path / "disk" / "more").exists()
