"""Unattended campaigns with default settings: what they find, what it costs, and whether it is true.

On the ten reactions of examples/reactions, or with `--sample 30` on reactions of RDB7 drawn by lot, which is resumable: what is
done stands in `--keep`. Each campaign's saddle, or each leg's where the reaction is stepwise, is held against Psi4 twice: at the
model's own point, and at the true saddle (reaction_truth.py). With `--descend` Psi4 goes down from the true saddle on both sides
as well, some fifty gradients each, and says what it joins.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from figure import Figure, report
from reaction_sample import RDB7, drawn, write_campaign
from reaction_truth import true_saddle

EXAMPLES = Path(__file__).parents[1] / "examples" / "reactions"
KEPT = Path(__file__).parent / "results" / "reactions-sample.jsonl"
REACTIONS = (
    "hcn",
    "vinyl-alcohol",
    "malonaldehyde",
    "formaldehyde",
    "rdb7-3606",
    "rdb7-4810",
    "rdb7-2670",
    "rdb7-6175",
    "rdb7-146",
    "rdb7-1170",
)
RIGHT_NAMES = {
    "rdb7-146": ("stepwise",),  # what is no single barrier must be named so
    # two routes are known: over one saddle, and over CH3-CC-NC, which Psi4 has 23.6 kcal/mol above the reactant
    "rdb7-6175": ("verified", "stepwise"),
}


def run_one(file: Path, seed: int, store: str, changes: tuple[str, ...] = (), *, descents: bool = False) -> dict[str, Any]:
    """One campaign and its legs in this process, one core; `changes` to its defaults as `--set` takes them."""
    import torch

    from reactal.legs import run_legs
    from reactal.progress import NoProgress
    from reactal.runner import Campaign

    torch.set_num_threads(1)
    reaction = file.parent.name
    settings = [
        f"seed={seed}",
        f"name={reaction}-seed-{seed}",
        f"store={store}",
        "cluster.kind=none",
        "tracking.kind=none",
        "resources.slots=1",
        *changes,
    ]
    began, truths = time.perf_counter(), {}

    def drive(leg: Campaign, _: Path) -> None:
        leg.run()
        if leg.state.outcome == "verified":
            truths[leg.config.name] = true_saddle(leg, descents=descents)

    with Campaign(file, settings=settings) as campaign:
        seconds_before = campaign.state.wall_seconds
        summary = campaign.run()
        truth = true_saddle(campaign, descents=descents) if summary["barriers"] else {}
    if summary["verdict"] == "stepwise":
        run_legs(file, settings, drive, progress=NoProgress())
        with Campaign(file, settings=settings) as campaign:
            summary |= {name: campaign.summary()[name] for name in ("legs", "profile")}
    line = line_of(reaction, seed, summary) | truth
    line["seconds"] = round(time.perf_counter() - began, 1) if not seconds_before else summary["seconds"]["total"]
    return line | ({"true_legs": truths} if truths else {})


def line_of(reaction: str, seed: int, summary: dict[str, Any]) -> dict[str, Any]:
    """What of a summary stands in the table."""
    barrier = summary["barriers"][-1] if summary["barriers"] else {}
    legs = summary.get("legs") or []
    return {
        "reaction": reaction,
        "seed": seed,
        "verdict": summary["verdict"],
        "labels": summary["labels"]["asked"] + sum(leg["labels"] for leg in legs),
        "baseline": summary["baseline"],
        "model_kcal": barrier.get("model_kcal"),
        "error_kcal": barrier.get("error_kcal"),
        "product_error_kcal": barrier.get("product_error_kcal"),
        "force_max": barrier.get("ts_force_max_ev_per_ang"),
        "negative_modes": barrier.get("negative_modes"),
        "joins": barrier.get("joins_ends"),
        "ways_down": barrier.get("ways_down"),
        "random_arm_mae": summary["random_arm"]["force_mae_ev_per_ang"],
        "evidence": summary["evidence"],
        "stages": summary["seconds"],
        "legs": [{key: leg[key] for key in ("campaign", "verdict", "verified", "labels", "error_kcal")} for leg in legs],
    }


def by_legs(line: dict[str, Any]) -> bool:
    """Stepwise, and each leg verified."""
    legs = line.get("legs") or []
    return line["verdict"] == "stepwise" and len(legs) == 2 and all(leg["verified"] for leg in legs)


def named_rightly(line: dict[str, Any]) -> bool:
    """Verified where there is one barrier; by its name where there is none."""
    wanted = RIGHT_NAMES.get(line["reaction"], ("verified",))
    return line["verdict"] in wanted


def falsely_verified(line: dict[str, Any]) -> bool:
    """`verified`, whole or in a leg, but Psi4's own saddle is elsewhere in energy, or does not join both ends where asked."""
    claims = [line] if line["verdict"] == "verified" else list((line.get("true_legs") or {}).values())
    return any(_false(claim) for claim in claims)


def _false(claim: dict[str, Any]) -> bool:
    if not claim.get("true_converged", False) or abs(claim["error_against_true_kcal"]) > 2.0:
        return True
    return set(claim.get("true_ends", ("reactant", "product"))) != {"reactant", "product"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=None, help="0 1 2, or 0 for a sample")
    parser.add_argument("--reactions", nargs="+", default=list(REACTIONS), choices=[*REACTIONS, "rdb7-22"])
    parser.add_argument("--sample", type=int, metavar="N", help="N reactions of RDB7 with at most 9 atoms, drawn by a fixed seed")
    parser.add_argument("--data", type=Path, default=RDB7, help="RDB7 as one npz")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no campaign after that long")
    parser.add_argument("--jobs", type=int, default=2, help="campaigns side by side, one core each")
    parser.add_argument("--store", type=Path, help="keep the store here; a folder that is removed at the end if not given")
    parser.add_argument("--keep", type=Path, default=KEPT, help="where the lines of a sample are kept, one as each ends")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting other than its default")
    parser.add_argument("--descend", action="store_true", help="let Psi4 itself go down from the true saddles")
    parser.add_argument("--quick", action="store_true", help="HCN alone, one seed; of a sample, the kept lines and two run again")
    given = parser.parse_args()
    sample(given) if given.sample else examples(given)


def examples(given: argparse.Namespace) -> None:
    """The ten, with each seed."""
    seeds = given.seeds or [0, 1, 2]
    work = [(EXAMPLES / r / "campaign.yaml", s) for s in seeds for r in given.reactions]
    with tempfile.TemporaryDirectory() as scratch:
        store = str((given.store or Path(scratch)).resolve() / "store")
        lines = list(carried_out([(EXAMPLES / "hcn" / "campaign.yaml", 0)] if given.quick else work, store, given))
    lines.sort(key=lambda line: (line["seed"], line["reaction"]))
    print(json.dumps({"table": lines}))
    seeds = sorted({line["seed"] for line in lines})
    by_seed = [sum(named_rightly(line) for line in lines if line["seed"] == seed) for seed in seeds]
    verified_by_seed = [sum(line["verdict"] == "verified" for line in lines if line["seed"] == seed) for seed in seeds]
    report(
        [
            _least("reactions.verified_worst_seed", verified_by_seed, min(8, len(lines) // len(seeds))),
            _least("reactions.named_rightly_worst_seed", by_seed, len(lines) // len(seeds)),
            _none_false(lines),
            *_medians(lines),
        ]
    )


def sample(given: argparse.Namespace) -> None:
    """Reactions drawn by lot; lines that are kept are not run again, but for two with `--quick`."""
    if not given.data.is_file():
        sys.exit(f"the reference data are not there: {given.data}; see --data")
    seeds = given.seeds or [0]
    kept = [json.loads(line) for line in given.keep.read_text().splitlines()] if given.keep.is_file() else []
    wanted = [(f"rdb7-{number}", number, seed) for number in drawn(given.sample, data=given.data) for seed in seeds]
    done = {(line["reaction"], line["seed"]): line for line in kept}
    with tempfile.TemporaryDirectory() as scratch:
        place = (given.store or Path(scratch)).resolve()
        missing = [one for one in wanted if (one[0], one[2]) not in done] if not given.quick else wanted[:2]
        work = [(write_campaign(number, place / "campaigns" / name, data=given.data), seed) for name, number, seed in missing]
        for line in carried_out(work, str(place / "store"), given):
            done[line["reaction"], line["seed"]] = line
            if not given.quick:
                given.keep.parent.mkdir(parents=True, exist_ok=True)
                with given.keep.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    lines = [done[name, seed] for name, _, seed in wanted if (name, seed) in done]
    print(json.dumps({"table": lines}))
    good = sum(line["verdict"] == "verified" or by_legs(line) for line in lines)
    share = good / len(lines) if lines else 0.0
    report(
        [
            Figure("reactions.verified_share", round(share, 3), "of all", None, None, ">= 0.85", share >= 0.85, len(lines)),
            _none_false(lines),
            *_medians(lines),
        ]
    )


def carried_out(work: list[tuple[Path, int]], store: str, given: argparse.Namespace) -> Any:
    """Lines as they come."""
    until = time.monotonic() + 60 * given.minutes
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as executor:
        waiting, running = list(reversed(work)), set()
        while waiting or running:
            while waiting and len(running) < given.jobs and time.monotonic() < until:
                file, seed = waiting.pop()
                running.add(executor.submit(run_one, file, seed, store, tuple(given.set), descents=given.descend))
            if not running:
                return
            ended = next(as_completed(running))
            running.discard(ended)
            print(json.dumps(ended.result()), file=sys.stderr, flush=True)
            yield ended.result()


def _none_false(lines: list[dict[str, Any]]) -> Figure:
    false = sum(falsely_verified(line) for line in lines)
    return Figure("reactions.false_verified", false, "campaigns", None, None, "0", false == 0, len(lines))


def _medians(lines: list[dict[str, Any]]) -> list[Figure]:
    verified = [line for line in lines if line["verdict"] == "verified"]
    against = [abs(line["error_against_true_kcal"]) for line in verified if "error_against_true_kcal" in line]
    return [
        _median("labels_when_verified", [line["labels"] for line in verified], "labels", 150),
        _median("seconds_when_verified", [line["seconds"] for line in verified], "s", 600),
        _median("error_at_model_points", [abs(line["error_kcal"]) for line in verified], "kcal/mol", 1.0),
        _median("error_against_true_saddle", against, "kcal/mol", 1.0),
    ]


def _least(name: str, counts: list[int], goal: int) -> Figure:
    return Figure(name, min(counts), "reactions", None, None, f">= {goal}", min(counts) >= goal, len(counts))


def _median(name: str, values: list[float], unit: str, goal: float) -> Figure:
    value = statistics.median(values) if values else float("inf")
    return Figure(name, round(value, 3), unit, None, None, f"<= {goal}", value <= goal, len(values))


if __name__ == "__main__":
    main()
