"""What a report shows of learned densities and learned guesses, and that it shows nothing of them where there are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from reactal.campaign.events import Seeded
from reactal.campaign.state import CampaignState
from reactal.chem import Attempt, Frames, Label, Structure
from reactal.config import load_config
from reactal.density.guard import Guard
from reactal.density.layout import Layout
from reactal.density.model import DensityModel
from reactal.density.network import build_network
from reactal.density.settings import NetworkSpec
from reactal.density.theory import DensityTheory
from reactal.labeling.base import LabelingResources
from reactal.labeling.deepscf import deepscf_labeler, deepscf_theory
from reactal.report.data import ReportData
from reactal.report.html import render
from reactal.stages import report_density
from reactal.stages.bench import Bench
from tests.campaigns import leps_campaign
from tests.stages.conftest import bench_of

COARSE = DensityTheory(grid_level=0, fitting_ratio=2.4, fitting_angular=3)
LENGTHS = (0.93, 1.3)


def hydrogen_fluoride(length: float) -> Structure:
    return Structure((9, 1), np.asarray([[0.0, 0.0, 0.0], [0.0, 0.0, length]]))


@pytest.fixture
def by_density(tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    """A campaign whose labels are those of a density model that has learned nothing, and that lets all of it pass."""
    spec = NetworkSpec("atoms", "tiny", elements=(1, 9))
    network = build_network(spec, Layout(spec.elements, COARSE), seed=0)
    guard = Guard.of([hydrogen_fluoride(length) for length in LENGTHS])
    DensityModel(COARSE, spec, (network,), guard, {"molecules": ["FH"], "rows": 4}).write(tmp_path / "density")
    theory = deepscf_theory(tmp_path / "density", limit_mha=1e9)
    for name, length in zip(("one", "other"), LENGTHS, strict=True):
        write(tmp_path / f"{name}.xyz", Atoms("FH", positions=hydrogen_fluoride(length).positions))
    asked = {"program": "deepscf", "method": theory.method, "basis": theory.basis, "keywords": dict(theory.keywords)}
    file = leps_campaign(
        tmp_path, store=f"memory://{uuid4().hex}", reactant="one.xyz", product="other.xyz", multiplicity=1, theory=asked
    )
    return bench_of(load_config(file), request)


def seeded(reactant: str, product: str) -> Seeded:
    return Seeded(
        seconds=1.0,
        reactant=reactant,
        product=product,
        relaxed=(True, True),
        labels=2,
        computed=2,
        reused=0,
        failed=0,
        core_seconds=1.0,
        batch="none",
        batch_size=0,
        path="none",
        reference_kcal=0.0,
    )


@pytest.mark.slow
def test_a_campaign_on_a_learned_density_shows_it_beside_the_scf(by_density: Bench) -> None:
    ends = by_density.config.ends
    labeler = deepscf_labeler(by_density.theory, LabelingResources())
    labels = [labeler.compute(structure) for structure in ends]
    for label, structure in zip(labels, ends, strict=True):
        assert isinstance(label, Label)
        by_density.labels.put(label, structure)
    model, routes = report_density.tables(by_density, Frames.of(ends))
    said = dict(model.rows)
    assert said["learned from"] == "4 densities of FH"
    assert all("δρ off by" in said[f"at the {end}"] for end in ("reactant", "product"))
    assert [row[:2] for row in routes.rows] == [("one step from the learned density", "2")]
    state = replace(CampaignState(), seeded=seeded(ends[0].key, ends[1].key))
    shown = report_density.pictures(by_density, state)
    assert [one.title.partition(",")[2] for one in shown] == [" sliced", " in space"]
    assert all("Residual density of the reactant" in one.title for one in shown)
    page = render(ReportData("fh", "HF", "pbe", "running", tables=(model, routes)), shown=shown)
    assert page.count("<svg viewBox") == 2
    assert all(one.drawing.png().startswith(b"\x89PNG") for one in shown)
    assert sum(len(one.drawing.element) for one in shown) < 1_000_000  # a page stays light


def test_learned_guesses_are_counted_by_where_scfs_began(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    file = leps_campaign(tmp_path, store=f"memory://{uuid4().hex}", resources={"reuse_guess": "learned"})
    bench = bench_of(load_config(file), request)
    structures = [Structure((1, 1, 1), np.diag([0.0, 1.0, 2.0 + 0.1 * row]), multiplicity=2) for row in range(3)]
    for structure, (rung, iterations) in zip(
        structures, (("default", 9), ("learned_guess", 5), ("learned_guess", 4)), strict=True
    ):
        attempts = (Attempt((("rung", "default"),), "scf_not_converged"), Attempt((("rung", rung),)))
        bench.labels.put(
            Label(structure.key, bench.theory.fingerprint, 1.0, np.zeros((3, 3)), scf_iterations=iterations, attempts=attempts),
            structure,
        )
    rows = Frames.of(structures)
    (table,) = report_density.tables(bench, rows)
    assert {row[0]: row[1:3] for row in table.rows} == {
        "orbitals learned from all labels": ("2", "4.50"),
        "the program's own guess": ("1", "9.00"),
    }
    (chart,) = report_density.charts(bench, rows)
    assert {line.name: (line.x, line.y) for line in chart.lines} == {
        "orbitals learned from all labels": ((2.0, 3.0), (5.0, 4.0)),
        "the program's own guess": ((1.0,), (9.0,)),
    }


def test_other_campaigns_have_nothing_of_it(bench: Bench) -> None:
    rows = Frames.of([])
    assert (report_density.tables(bench, rows), report_density.charts(bench, rows)) == ((), ())
    assert report_density.pictures(bench, CampaignState()) == []
