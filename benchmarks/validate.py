"""Validation: a Hessian against the gradients it could be made of, the example's whole validation, and a suite of barriers.

The suite is drawn from RDB7 (Grambow et al.; barriers at CCSD(T)-F12a, zero-point energies included) with GFN2-xTB as the model:
each reaction is searched for from its two ends alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from figure import Figure, rates, report

from reactal.chem import Frames, Structure
from reactal.chem.convert import write_frames
from reactal.potentials.architecture import Architecture
from reactal.potentials.committee import Committee
from reactal.potentials.curvature import curvature
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network

EXAMPLE = Path(__file__).parents[1] / "examples" / "sn2-chloride" / "campaign.yaml"
RDB7 = Path(__file__).parents[1].parent / "shared" / "data" / "barriers" / "rdb7"
ATOMS = 20
GOAL_HESSIAN = 1.5  # times 60 gradients of 20 atoms
GOAL_SECONDS = 60.0
LARGEST, LEAST = 10, 4  # atoms of a reaction of the suite


def chain(atoms: int) -> Structure:
    """Carbons and hydrogens in turn, on a jittered line with real distances."""
    rng = np.random.default_rng(0)
    places = np.stack([1.25 * np.arange(atoms), 0.6 * (np.arange(atoms) % 2), np.zeros(atoms)], axis=1)
    return Structure(tuple(6 if i % 2 == 0 else 1 for i in range(atoms)), places + rng.normal(0, 0.05, places.shape))


def hessian_against_gradients(runs: int) -> Figure:
    """Time of a Hessian over that of 3N gradients in one batch, without a baseline."""
    structure = chain(ATOMS)
    networks = tuple(build_network(Architecture(features=32, interactions=3), seed=seed) for seed in range(4))
    committee = Committee(networks, References(((1, -13.6), (6, -1030.0))), ScreenedRepulsion())
    shaken = structure.positions + np.random.default_rng(1).normal(0, 0.01, (3 * ATOMS, ATOMS, 3))
    frames = Frames.repeat(structure, shaken)
    work = (lambda: curvature(committee, structure), lambda: committee.predict(frames))
    for piece in work:
        piece()
    ours, peer = rates(1.0, work, runs=runs)
    ratio = statistics.median(theirs / mine for mine, theirs in zip(ours, peer, strict=True))
    seconds = [round(1 / statistics.median(rate), 4) for rate in (ours, peer)]
    return Figure("hessian_vs_60_gradients", round(ratio, 3), "s", *seconds, f"<= {GOAL_HESSIAN}", ratio <= GOAL_HESSIAN, runs)


def reactal(*arguments: str) -> dict[str, object]:
    """One command as a user types it."""
    command = [str(Path(sys.executable).parent / "reactal"), *arguments, "--json"]
    found: dict[str, object] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found


def example_validated(store: Path) -> Figure:
    """Seconds of `reactal validate` on the finished example, without new labels."""
    settings = ("--set", f"store={store}", "--set", "tracking.kind=none")
    reactal("run", str(EXAMPLE), *settings)
    began = time.perf_counter()
    found = reactal("validate", str(EXAMPLE), *settings)
    seconds = time.perf_counter() - began
    print(f"goals of the example: {found['verdict']}", file=sys.stderr)
    met = seconds <= GOAL_SECONDS
    return Figure("validate_example_seconds", round(seconds, 1), "s", None, None, f"<= {GOAL_SECONDS:g}", met, 1)


def unpacked(folder: Path, count: int, *, seed: int) -> None:
    """`count` reactions drawn from RDB7's development split, as a folder that `reactal validate` reads."""
    with (RDB7 / "rdb7_dev.csv").open() as file:
        heights = {int(row["rxn"]): float(row["dE0_kcal"]) for row in csv.DictReader(file)}
    with np.load(RDB7 / "rdb7_dev.npz", allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    small = np.flatnonzero((arrays["n_atoms"] >= LEAST) & (arrays["n_atoms"] <= LARGEST))
    rows = []
    for i in sorted(np.random.default_rng(seed).choice(small, count, replace=False).tolist()):
        name, atoms = f"rdb7-{arrays['rxn'][i]}", slice(arrays["offsets"][i], arrays["offsets"][i + 1])
        numbers = tuple(int(n) for n in arrays["numbers"][atoms])
        (folder / name).mkdir(parents=True)
        for column, file_name in (("pos_r", "reactant.xyz"), ("pos_p", "product.xyz"), ("pos_ts", "ts.xyz")):
            write_frames(folder / name / file_name, Frames.of([Structure(numbers, arrays[column][atoms].astype(float))]))
        rows.append(f"{name},{heights[int(arrays['rxn'][i])]},1")
    (folder / "barriers.csv").write_text("\n".join(["name,forward_kcal,zero_point", *rows]) + "\n")


def suite(count: int, *, model: str, seed: int, out: Path | None) -> list[Figure]:
    """How many barriers are found, and how far off they are."""
    with tempfile.TemporaryDirectory() as scratch:
        unpacked(Path(scratch) / "suite", count, seed=seed)
        found = reactal("validate", model, "--against", f"barriers:{Path(scratch) / 'suite'}")
    tables: list[dict[str, object]] = found["tables"]  # type: ignore[assignment]
    table = next(table for table in tables if table["name"] == "barriers")
    names = [column["name"] for column in table["columns"]]  # type: ignore[attr-defined]
    rows = [dict(zip(names, row, strict=True)) for row in table["rows"]]  # type: ignore[call-overload]
    print(json.dumps({"table": rows}))
    if out is not None:
        out.write_text(json.dumps(found, indent=1))
    errors = [abs(row["largest error"]) for row in rows if row["found"] == "a barrier" and row["largest error"] is not None]
    share = len(errors) / len(rows)
    mean = statistics.mean(errors) if errors else float("nan")
    return [
        Figure(f"suite_{model}_found", round(share, 3), "share", None, None, "shown", bool(errors), len(rows)),
        Figure(f"suite_{model}_mean_error", round(mean, 2), "kcal/mol", None, None, "shown", bool(errors), len(errors)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the Hessian and three reactions")
    parser.add_argument("--reactions", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="gfn2")
    parser.add_argument("--out", type=Path, help="keep the suite's whole validation here")
    parser.add_argument("--only", choices=["hessian", "example", "suite"])
    given = parser.parse_args()
    figures: list[Figure] = []
    if given.only in (None, "hessian"):
        figures.append(hessian_against_gradients(runs=3 if given.quick else 9))
    if given.only == "example" or (given.only is None and not given.quick):
        with tempfile.TemporaryDirectory() as scratch:
            figures.append(example_validated(Path(scratch) / "store"))
    if given.only in (None, "suite"):
        if RDB7.is_dir():
            figures += suite(3 if given.quick else given.reactions, model=given.model, seed=given.seed, out=given.out)
        else:
            print(f"no suite: RDB7 is not in {RDB7}", file=sys.stderr)
    report(figures)


if __name__ == "__main__":
    main()
