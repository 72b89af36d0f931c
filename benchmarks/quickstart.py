"""The example campaign over several seeds: does an unattended run end with a barrier that Psi4 bears out, and how soon?

Seeds share a store, so labels that they have in common (the relaxations of the ends) are computed once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from figure import Figure, report

EXAMPLE = Path(__file__).parents[1] / "examples" / "sn2-chloride" / "campaign.yaml"
REFERENCE_KCAL = 13.82  # HF/6-31G* central barrier of this reaction with the ends relaxed
GOAL_SECONDS, GOAL_LABELS, GOAL_ERROR = 240.0, 100, 0.5


def run_seed(seed: int, store: Path, *, engine: str) -> dict[str, Any]:
    """One whole `reactal run`, as a user starts it."""
    command = [str(Path(sys.executable).parent / "reactal"), "run", str(EXAMPLE), "--json", "--engine", engine]
    for setting in (f"seed={seed}", f"name=sn2-chloride-seed-{seed}", f"store={store / 'store'}"):
        command += ["--set", setting]
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    seconds = time.perf_counter() - began
    said = json.loads(done.stdout) if done.stdout else {"verdict": f"exit code {done.returncode}", "barriers": []}
    return {**said, "wall": seconds, "seed": seed}


def row(result: dict[str, Any]) -> dict[str, Any]:
    """What the table shows of one seed."""
    barrier = result["barriers"][-1] if result["barriers"] else {}
    return {
        "seed": result["seed"],
        "verdict": result["verdict"],
        "barrier_kcal": barrier.get("model_kcal"),
        "error_kcal": barrier.get("error_kcal"),
        "product_error_kcal": barrier.get("product_error_kcal"),
        "force_max": barrier.get("ts_force_max_ev_per_ang"),
        "random_arm_mae": result.get("random_arm", {}).get("force_mae_ev_per_ang"),
        "labels": result.get("labels", {}).get("asked"),
        "reused": result.get("labels", {}).get("reused"),
        "dropped": result.get("labels", {}).get("kept_from_training"),
        "seconds": round(result["wall"], 1),
    }


def good(line: dict[str, Any]) -> bool:
    """Verified, within the tolerance at every point, the labels and the time."""
    return (
        line["verdict"] == "verified"
        and max(abs(line["error_kcal"]), abs(line["product_error_kcal"])) <= GOAL_ERROR
        and line["labels"] <= GOAL_LABELS
        and line["seconds"] <= GOAL_SECONDS
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--engine", default="prefect", choices=["prefect", "inprocess"])
    parser.add_argument("--store", type=Path, help="keep the store here; a folder that is removed at the end if not given")
    parser.add_argument("--quick", action="store_true", help="one seed")
    given = parser.parse_args()
    seeds = range(given.first, given.first + (1 if given.quick else given.seeds))
    with tempfile.TemporaryDirectory() as scratch:
        lines = []
        for seed in seeds:
            lines.append(row(run_seed(seed, given.store or Path(scratch), engine=given.engine)))
            print(json.dumps(lines[-1]), file=sys.stderr, flush=True)
    passed = [good(line) for line in lines]
    errors = [abs(line["error_kcal"]) for line in lines if line["error_kcal"] is not None]
    print(json.dumps({"table": lines}))
    report(
        [
            Figure(
                "seeds_good",
                sum(passed) / len(passed),
                "share",
                None,
                None,
                ">= 0.9",
                sum(passed) >= 0.9 * len(passed),
                len(lines),
            ),
            _median("barrier_error", errors, "kcal/mol", GOAL_ERROR),
            _median("labels", [line["labels"] for line in lines if line["labels"]], "labels", GOAL_LABELS),
            _median("wall_seconds", [line["seconds"] for line in lines], "s", GOAL_SECONDS),
        ]
    )


def _median(name: str, values: list[float], unit: str, goal: float) -> Figure:
    value = statistics.median(values) if values else float("inf")
    return Figure(name, round(value, 4), unit, None, None, f"<= {goal}", value <= goal, len(values))


if __name__ == "__main__":
    main()
