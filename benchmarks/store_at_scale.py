"""A store that has grown large: a data set of a million frames, and a driver beside a million labels. Run by store.py."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import yaml
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from figure import Figure, rates, versus

from reactal.chem.frames import Frames
from reactal.chem.label import Label
from reactal.chem.structure import Structure
from reactal.store.datasets import DatasetStore
from reactal.store.envelope import seal
from reactal.store.labels import SCHEMA, LabelStore
from reactal.store.opening import open_store

__all__ = ["scale_figures"]

NEW_ROWS = 1000
RUNS = 5
GIB = 1 << 30
ROUND = 10_000  # structures
THEORY = {"program": "ase", "method": "leps", "basis": "none", "keywords": {}}


@dataclass(frozen=True)
class Size:
    """How large a full and a quick run are; ASE's database is read at a size that it can be written at, too."""

    frames: int
    ase_frames: int
    labels: int
    round: int


FULL = Size(1_000_000, 20_000, 1_000_000, ROUND)
QUICK = Size(100_000, 2_000, 10_000, 300)


def scale_figures(*, quick: bool) -> list[Figure]:
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        figures = dataset_figures(Path(folder) / "frames", size)
        return figures + driver_figures(Path(folder) / "campaign", size)


# -- frames -----------------------------------------------------------------------------------------------------------


def triatomics(count: int, seed: int) -> Frames:
    """Labelled geometries of three atoms."""
    random = np.random.default_rng(seed)
    water = Structure.from_symbols("OHH", [[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    frames = Frames.repeat(water, water.positions + random.normal(scale=0.05, size=(count, 3, 3)))
    return Frames(**{**vars(frames), "energy": random.normal(size=count), "forces": random.normal(size=(3 * count, 3))})


def dataset_figures(folder: Path, size: Size) -> list[Figure]:
    """Commits onto a large and a small data set in turn, then reading beside ASE's database."""
    datasets = DatasetStore(open_store(str(folder / "store")))
    large, small = triatomics(size.frames, 0), triatomics(NEW_ROWS, 1)
    datasets.commit("large", large)
    datasets.commit("small", small)
    times: dict[str, list[float]] = {"large": [], "small": []}
    for run in range(RUNS):
        new = triatomics(NEW_ROWS, 2 + run)
        for name, taken in times.items():
            began = time.perf_counter()
            datasets.append(name, new, parent=run + 1)
            taken.append(1000 * (time.perf_counter() - began))
    large_ms, small_ms = (statistics.median(taken) for taken in times.values())
    growth = large_ms / small_ms
    return [
        _figure("store.commit_ms_at_1m", large_ms, "ms", "independent of the rest", met=growth < 2.0, runs=RUNS),
        _figure("store.commit_growth", growth, "time at full size / at 1,000 rows", "< 2", met=growth < 2.0, runs=RUNS),
        _reading(folder, datasets, large[: size.ase_frames], size),
    ]


def _reading(folder: Path, datasets: DatasetStore, some: Frames, size: Size) -> Figure:
    """Every row with numbers, positions, energy and forces: ours a shard at a time, theirs row by row, as each is made for."""
    file = folder / "ase.db"
    with connect(file) as database:
        for row in range(len(some)):
            structure = some.structure(row)
            atoms = Atoms(structure.numbers, structure.positions)
            atoms.calc = SinglePointCalculator(atoms, energy=float(some.energy[row]), forces=some.forces[some.atoms(row)])
            database.write(atoms)

    def ours() -> None:
        assert sum(len(part) for part in datasets.parts("large", 1)) == size.frames

    def theirs() -> None:
        assert sum(1 for row in connect(file).select() if row.forces is not None and row.positions is not None) == len(some)

    (mine,), (peer,) = (rates(count, [work], runs=3) for count, work in ((size.frames, ours), (len(some), theirs)))
    return versus("store.read_vs_ase_db", "frames/s", mine, peer, at_least=10.0)


# -- labels and a driver ----------------------------------------------------------------------------------------------


def driver_figures(folder: Path, size: Size) -> list[Figure]:
    """A campaign is begun, its store fills up with others' labels of the same theory, and a driver starts once more."""
    file = _campaign(folder)
    _drive(file, "begin")
    fill(folder / "store", size.labels)
    seen = [_drive(file, "start") for _ in range(3)]
    start = statistics.median(one["seconds"] for one in seen)
    listed = max(one["listed"] for one in seen)
    loaded = _drive(file, "round", size.round)
    return [
        _figure(
            "store.start_seconds_1m_labels", start, "s, journal, state, next action, lease", "<= 5", met=start <= 5.0, runs=3
        ),
        _figure("store.labels_listed_at_start", listed, f"of {size.labels}", "<= 1000", met=listed <= 1000, runs=3),
        _figure("store.labels_listed_in_a_round", loaded["listed"], f"of {size.labels}", "<= 1000", met=loaded["listed"] <= 1000),
        _figure("store.round_labels_per_s", loaded["rate"], f"labels/s, {size.round} a round", "none", met=True),
        _figure("store.driver_rss_gib", loaded["gib"], f"GiB after a round of {size.round}", "<= 2", met=loaded["gib"] <= 2.0),
    ]


def fill(store: Path, count: int) -> None:
    """Labels as the store writes them, but without waiting for the disk."""
    from reactal.chem import Theory

    theory = Theory("ase", "leps", "none", ()).fingerprint
    random = np.random.default_rng(3)
    trio = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.9], [0.0, 0.0, 1.8]])
    for _ in range(count):
        structure = Structure((1, 1, 1), trio + random.normal(scale=0.1, size=(3, 3)), multiplicity=2)
        label = Label(structure.key, theory, energy=-1.0, forces=np.zeros((3, 3)), wall_seconds=1e-4)
        place = store / "labels" / theory / structure.key[:2]
        place.mkdir(parents=True, exist_ok=True)
        document = {"structure": structure.as_json(), "label": label.as_json()}
        (place / f"{structure.key}.json").write_bytes(seal(document, schema=SCHEMA))


def _campaign(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, heights in (("reactant", (0.0, 0.74, 2.8)), ("product", (0.0, 2.06, 2.8))):
        (folder / f"{name}.xyz").write_text(f"3\n{name}\n" + "\n".join(f"H 0.0 0.0 {z}" for z in heights) + "\n")
    tree = {
        "name": "h3",
        "reactant": "reactant.xyz",
        "product": "product.xyz",
        "multiplicity": 2,
        "theory": THEORY,
        "store": str(folder / "store"),
        "cluster": {"kind": "none"},
        "tracking": {"kind": "none"},
        "model": {"features": 8, "interactions": 1, "members": 2},
        "training": {"steps_first": 20, "steps_warm": 10},
        "exploration": {"band_steps": 15, "replicas": 2, "dynamics_fs": 10.0},
        "budget": {"labels": 45},
    }
    file = folder / "campaign.yaml"
    file.write_text(yaml.safe_dump(tree))
    return file


def _drive(file: Path, what: str, count: int = 0) -> dict[str, Any]:
    """In a process of its own, whose memory is a driver's."""
    done = subprocess.run([sys.executable, __file__, str(file), what, str(count)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@final
class Listed:
    """A store that counts the labels whose names it gave out."""

    def __init__(self, objects: Any) -> None:
        self._objects, self.url, self.count = objects, objects.url, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    def list(self, prefix: str) -> Iterator[str]:
        for key in self._objects.list(prefix):
            self.count += key.startswith("labels/")
            yield key


def driver(file: str, what: str, count: int) -> dict[str, float]:
    """What a driver does at its start, or a round of labels as a campaign's pool computes them."""
    import reactal.assembly as assembly
    from reactal.campaign.decide import Calibrate
    from reactal.runner import Campaign

    listed: list[Listed] = []

    def counted(*given: Any, **named: Any) -> Any:
        listed.append(Listed(open_store(*given, **named)))
        return listed[-1]

    assembly.open_store = counted
    began = time.perf_counter()
    with Campaign(file) as campaign:
        action = campaign.next_action()
        if what == "begin":
            while not isinstance(action, Calibrate):
                campaign.carry_out(action)
                action = campaign.next_action()
            return {}
        campaign.begin()
        seconds = time.perf_counter() - began
        rate = _round(campaign, count) if what == "round" else 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB
    return {"seconds": seconds, "rate": rate, "gib": peak, "listed": sum(store.count for store in listed)}


def _round(campaign: Any, count: int) -> float:
    """Labels a second of `count` structures that nobody has labelled."""
    random = np.random.default_rng(4)
    trio = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.95], [0.0, 0.0, 1.9]])
    new = [Structure((1, 1, 1), trio + random.normal(scale=0.05, size=(3, 3)), multiplicity=2) for _ in range(count)]
    began = time.perf_counter()
    assert sum(isinstance(outcome.answer, Label) for outcome in campaign.bench.label_pool().label(new)) > 0.9 * count
    assert isinstance(campaign.bench.labels, LabelStore)
    return count / (time.perf_counter() - began)


def _figure(name: str, value: float, unit: str, goal: str, *, met: bool, runs: int = 1) -> Figure:
    return Figure(name, round(float(value), 3), unit, None, None, goal, met, runs)


if __name__ == "__main__":
    print(json.dumps(driver(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
