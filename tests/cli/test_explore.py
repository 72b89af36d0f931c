"""`reactal explore`: each method writes its pool, a killed run goes on, and what does not fit is said in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reactal.chem.files import read_any
from reactal.exploration.metadynamics import Hills
from reactal.potentials.architecture import Architecture
from reactal.potentials.committee import Committee
from reactal.potentials.export import write_committee
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network
from tests.cli.toy import Answer, reactal

WATER = "3\n\nO 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n"
APART = "3\n\nO 0 0 0\nH 0.96 0 0\nH -0.55 2.10 0\n"


def committee(scale: float = 1.0) -> Committee:
    networks = [build_network(Architecture(features=8, interactions=1, radial=6), seed=i) for i in range(2)]
    for network in networks:
        for weight in network.outnet.parameters():
            weight.data *= scale
    return Committee(tuple(networks), References(((1, -13.6), (8, -2040.0))), ScreenedRepulsion(), {"charge": 0})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explore")
    write_committee(folder / "model", committee())
    write_committee(folder / "constant", committee(0.0))
    write_committee(folder / "broken", committee(np.nan))
    (folder / "start.xyz").write_text(WATER)
    (folder / "ends.xyz").write_text(WATER + APART)
    return folder


def explore(
    capfd: pytest.CaptureFixture[str], folder: Path, *more: object, frames: str = "ends.xyz", model: str = "model"
) -> Answer:
    few = ("--replicas", 4, "--length", 20, "--trust", 50, "--out", folder / "pool.parquet", "--json")
    return reactal(capfd, "explore", folder / model, "--from", folder / frames, *few, *more)


@pytest.mark.parametrize(
    "more",
    [
        ("dynamics", "--batch", 3, "--thermostat", "rescaling", "--fixed", 0),
        ("dynamics", "--thermostat", "nve", "--keep-bonds", "--sphere", 4),
        ("metadynamics",),
        ("umbrella", "--cv", "a(1,0,2)", "--span", "1.5:2.2"),
        ("uncertainty",),
        ("exchange",),
    ],
    ids=lambda more: " ".join(map(str, more)),
)
def test_each_method_writes_its_pool(folder: Path, capfd: pytest.CaptureFixture[str], more: tuple[object, ...]) -> None:
    answer = explore(capfd, folder, "--method", *more)
    assert answer.code == 0, answer.err
    pool = read_any(folder / "pool.parquet")
    assert answer.json["frames"] == len(pool)
    assert sum(answer.json["ended"].values()) == 4
    assert set(pool.extra) == {"replica", "step", "temperature", "disagreement", "proposed"}
    assert pool.labelled.all()
    assert pool.extra["step"].max() == 40
    assert sorted(set(pool.extra["replica"].tolist())) == [0, 1, 2, 3]
    assert not (folder / "pool.parquet.parts").exists()
    if "--fixed" in more:
        assert (pool.positions.reshape(-1, 3, 3)[:, 0] == 0).all()
    if more[0] == "metadynamics":
        assert answer.json["hills"] == str(folder / "pool.parquet.hills.json")
        assert len(Hills.read(folder / "pool.parquet.hills.json").heights) == 0  # the first comes after 25 fs


def test_proposed_frames_are_the_first_outside(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A trust region that the untrained members leave in the first steps, or never had."""
    explore(capfd, folder, "--length", 100, "--temperature", 900, "--keep", 5)
    seen = np.sort(read_any(folder / "pool.parquet").extra["disagreement"])
    limit = float(seen[int(0.8 * len(seen))])
    answer = explore(capfd, folder, "--length", 100, "--temperature", 900, "--keep", 5, "--trust", limit)
    pool = read_any(folder / "pool.parquet")
    proposed = pool[pool.extra["proposed"].astype(bool)]
    assert len(proposed) == answer.json["proposed"] > 0
    assert (proposed.extra["disagreement"] > limit).all()
    assert (pool[~pool.extra["proposed"].astype(bool)].extra["disagreement"] <= limit).all()


def test_nobody_left_is_explained(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = explore(capfd, folder, "--trust", 0)
    assert answer.code == 0
    assert "4 of 4 ended" in answer.json["none_left"]
    assert "where they began" in answer.json["none_left"]
    assert "trust region above 0 eV" in answer.json["none_left"] or "raise the cap" in answer.json["none_left"]


def test_a_pool_with_nothing_in_it_is_a_failure(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = explore(capfd, folder, "--max-separation", 0.5)
    assert answer.code == 1
    assert "allow more than 0.5" in answer.json["none_left"]
    assert (answer.json["frames"], answer.json["ended"]) == (0, {"separated": 4})


@pytest.mark.parametrize(
    ("more", "frames", "model", "why"),
    [
        (("--method", "wandering"), "ends.xyz", "model", "there is no method 'wandering'"),
        (("--method", "metadynamics"), "start.xyz", "model", "no bond differs"),
        (("--method", "umbrella", "--cv", "d(0,7)"), "ends.xyz", "model", "the last of 3 atoms is 2"),
        (("--method", "umbrella", "--cv", "d(0,1)"), "start.xyz", "model", "give the span"),
        (("--method", "umbrella", "--cv", "d(0,1)", "--span", "3"), "ends.xyz", "model", "A:B"),
        (("--fixed", 3), "ends.xyz", "model", "count from 0 to 2"),
        (("--timestep", 0), "ends.xyz", "model", "above 0 fs"),
        ((), "ends.xyz", "constant", "has learnt nothing"),
        ((), "ends.xyz", "broken", "not finite on any"),
    ],
)
def test_what_does_not_fit_is_said(
    folder: Path, capfd: pytest.CaptureFixture[str], more: tuple[object, ...], frames: str, model: str, why: str
) -> None:
    answer = explore(capfd, folder, *more, frames=frames, model=model)
    assert answer.code == 2, answer.err
    assert why in answer.json["error"]
