"""A report of a campaign wherever it stands, and of what earlier versions wrote."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reactal.campaign.events import Event, Finished, Labelled, Outcome, ValleyProbe, parse_event
from reactal.campaign.state import fold
from reactal.report.companions import dataset_card, model_card
from reactal.report.data import ReportData
from reactal.report.html import pictures, render
from reactal.report.shown import DISTANCES, LATENT
from reactal.runner import Campaign
from reactal.stages import report_clouds
from reactal.stages.report_structures import Album, rows_spread, upright
from reactal.stages.reporting import report_data
from reactal.stages.summary import summarize
from reactal.units import KCAL_PER_MOL
from reactal.validation.base import Column, Curve, Geometry, Table, Validation
from reactal.validation.base import Outcome as Judged
from reactal.validation.kept import ValidationStore
from tests.campaigns import leps_campaign

LATER = ("ways", "valley", "proof", "probe", "through", "valley_kcal", "baseline", "curves", "intermediate_kcal")
"""Fields of events that the first versions did not write."""


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """Small, at its end, without a tracker."""
    with Campaign(leps_campaign(tmp_path_factory.mktemp("small"))) as driver:
        driver.run()
    return driver


def reported(campaign: Campaign, events: Sequence[Event]) -> ReportData:
    state = fold(events)
    nowhere: dict[str, Any] = {"tracking_uri": None, "run_id": None}
    summary = summarize(campaign.bench, events, state, folder=campaign.folder, tracking=nowhere)
    return report_data(campaign.bench, events, state, summary=summary)


@pytest.fixture(scope="module")
def whole(campaign: Campaign) -> ReportData:
    return reported(campaign, campaign.events)


def test_every_kind_of_event_is_a_place_to_report_from(campaign: Campaign) -> None:
    kinds = [event.kind for event in campaign.events]
    for count in sorted({kinds.index(kind) + 1 for kind in kinds if kind != "started"} | {len(kinds)}):
        data = reported(campaign, campaign.events[:count])
        page = render(data, shown=())
        assert "None" not in page.split("<script")[0].replace("<code>None</code>", "")  # a setting may be None
        assert model_card(data) and dataset_card(data)


def test_all_figures_are_drawn_at_the_end(whole: ReportData) -> None:
    names = [picture.drawing.name for picture in pictures(whole)]
    assert names == ["learning", "barrier", "path", "map", "parity-energy", "parity-force", "uncertainty", "cost"]


def test_points_are_linked_to_their_structures(whole: ReportData, campaign: Campaign) -> None:
    blind, count = whole.blind, len(whole.structures)
    assert whole.structures and max(blind.structures) < count
    assert len(blind.force_reference) == sum(3 * len(whole.structures[place].numbers) for place in blind.structures)
    assert min(whole.uncertainty.structures) >= 0 and len(whole.uncertainty.structures) == len(campaign.state.arm)
    assert whole.map is not None and len(whole.map.structures) == len(whole.map.x) == len(whole.map.energy_kcal)
    assert [row.force_error_max for row in whole.worst] == sorted((row.force_error_max for row in whole.worst), reverse=True)
    names = [point.name for point in whole.stationary]
    assert names[0] == "reactant" and names[-1] == "product" and "saddle" in names


def test_errors_of_the_random_arm_are_those_of_the_journal(whole: ReportData, campaign: Campaign) -> None:
    """The parity plot's points give the mean absolute error that the campaign itself was led by."""
    gaps = np.abs(np.asarray(whole.blind.force_reference) - np.asarray(whole.blind.force_model)).reshape(
        len(campaign.state.arm), -1
    )
    assert gaps.mean(axis=1) == pytest.approx([point.force_mae for point in campaign.state.arm], abs=1e-6)


def test_reference_points_of_the_path_stand_where_the_model_was_asked(whole: ReportData, campaign: Campaign) -> None:
    path = whole.path
    assert path.labelled_kcal and len(path.labelled_kcal) == len(path.labelled_model_kcal) == len(path.labelled_structures)
    assert all(path.progress[0] <= place <= path.progress[-1] for place in path.labelled_progress)
    test = campaign.state.tests[-1]
    if "saddle" in path.names:
        assert path.labelled_kcal[path.names.index("saddle")] == pytest.approx(test.reference_kcal, abs=1e-6)


def test_labels_and_costs_add_up(whole: ReportData, campaign: Campaign) -> None:
    assert sum(row.labels for row in whole.stages) == campaign.state.labels_asked
    assert sum(row.core_seconds for row in whole.stages) == pytest.approx(campaign.state.core_seconds)
    assert sum(count for _, count in whole.rows_by_round) == len(campaign.bench.dataset(campaign.state.dataset))
    assert [row.model for row in whole.lineage] == [event.model for event in campaign.state.trainings]


@pytest.mark.parametrize("outcome", [Outcome.HALTED, Outcome.STEPWISE, Outcome.SECOND_ORDER, Outcome.UNSTABLE_REFERENCE])
def test_every_end_has_a_report(campaign: Campaign, outcome: Outcome) -> None:
    events: list[Event] = [event for event in campaign.events if not isinstance(event, Finished)]
    if outcome is Outcome.STEPWISE:
        last = max(i for i, event in enumerate(events) if isinstance(event, Labelled))
        valley = ValleyProbe(key=campaign.state.arm[0].key, intermediate=True, kcal=-1.5, force_max=0.01)
        events[last] = events[last].model_copy(update={"valley": valley})
    events.append(Finished(outcome=outcome, evidence=("a <reason>",)))
    data = reported(campaign, events)
    assert ("intermediate 1" in [point.name for point in data.stationary]) == (outcome is Outcome.STEPWISE)
    assert "a &lt;reason&gt;" in render(data, shown=())


def test_a_campaign_whose_ends_failed_has_a_report(campaign: Campaign) -> None:
    begun = campaign.events[1].model_copy(update={"reactant": "", "product": "", "problem": "no label"})
    events = [campaign.events[0], begun, Finished(outcome=Outcome.HALTED, evidence=("no label",))]
    assert reported(campaign, events).stationary == ()


def test_what_earlier_versions_wrote_is_reported(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    def older(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: older(inner) for key, inner in value.items() if key not in LATER}
        return [older(inner) for inner in value] if isinstance(value, list) else value

    events = [parse_event(older(event.as_json())) for event in campaign.events]
    load = type(campaign.bench.datasets).load

    def bare(self: Any, name: str, version: int | None = None) -> Any:
        return dataclasses.replace(load(self, name, version), extra={})

    monkeypatch.setattr(type(campaign.bench.datasets), "load", bare)
    data = reported(campaign, events)
    assert data.map is not None and set(data.map.role) <= {""} | set(
        campaign.bench.pools.get(campaign.state.explored.pool).extra["role"]
    )
    assert data.trained_on.structures


def test_a_validation_is_shown_with_what_it_looked_at(campaign: Campaign) -> None:
    saddle = campaign.bench.structure_of(campaign.state.tests[-1].key)
    path = [Geometry(f"p{i}", f"image {i}", "path", saddle, "irc") for i in range(3)]
    mode = tuple((0.0, 0.0, float(i)) for i in range(len(saddle)))
    found = Validation(
        campaign.state.trained.model,
        "frames",
        (Judged.judged("forces", "Forces", value=0.046, limit=0.1, unit="eV/Å", why="the mean"),),
        (
            Table(
                "by_element",
                "accuracy",
                "Errors by element",
                (Column("element"), Column("MAE", "eV/Å")),
                (("H", 0.0461), ("<b>", None)),
            ),
            Table("forgetting", "uncertainty", "What each training forgot", (Column("iteration"),), ((0,), (1,))),
        ),
        (
            Curve(
                "msd",
                "dynamics",
                "Diffusion",
                "model",
                Column("t", "fs"),
                Column("msd", "Å²"),
                (0.0, 1.0),
                (0.0, 2.0),
                keys=("s", "s"),
            ),
        ),
        (
            Geometry("s", "<saddle>", "saddle", saddle, facts=(("wavenumber", "500i"),), mode=mode),
            Geometry("m", "what is a stationary point of the campaign already", "minimum", saddle),
            *path,
        ),
    )
    ValidationStore(campaign.bench.objects, campaign.config.name).put(found.model, found)
    data = reported(campaign, campaign.events)
    assert [(goal.title, goal.value, goal.verdict) for goal in data.goals] == [("Forces", "0.046 eV/Å", "met")]
    assert data.tables[0].title == "Accuracy: Errors by element" and data.tables[0].rows == (("H", "0.0461"), ("<b>", "–"))
    assert [table.title for table in data.tables if "forgot" in table.title] == ["Uncertainty: What each training forgot"]
    assert [(one.group, one.name, len(one.frames)) for one in data.exhibits] == [
        ("Validated saddles", "<saddle>", 1),
        ("Validated paths", "irc", 3),
    ]
    assert min(data.charts[0].lines[0].structures) >= 0
    assert "Dynamics: Diffusion" in [picture.title for picture in pictures(dataclasses.replace(data, iterations=(), map=None))]


def test_the_album_turns_structures_and_their_displacements_alike(campaign: Campaign) -> None:
    saddle = campaign.bench.structure_of(campaign.state.tests[-1].key)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    album = Album(saddle)
    place = album.place(saddle.moved(saddle.positions @ turn.T + 4.0), "turned")
    shown = np.asarray(album.shown[place].positions).reshape(-1, 3)
    assert shown == pytest.approx(upright(saddle.positions), abs=2e-4)
    stretch = saddle.positions - saddle.positions.mean(axis=0)
    assert album.turned(stretch @ turn.T, saddle.moved(saddle.positions @ turn.T)) == pytest.approx(
        upright(saddle.positions), abs=1e-3
    )


def test_what_is_no_molecule_is_shown_all_the_same(campaign: Campaign) -> None:
    """On an early model two atoms of an image may meet; what is not finite has no place."""
    rows = campaign.bench.dataset(campaign.state.dataset)[:2]
    places = rows.positions.copy()
    places[0], places[3] = places[1], np.nan
    album = Album(campaign.bench.structure_of(campaign.state.tests[-1].key))
    frames = dataclasses.replace(rows, positions=places)
    assert [album.place_row(frames, row, "image") for row in range(2)] == [0, -1]
    assert album.place(rows.structure(1), "sound") == album.place_row(rows, 1, "the same") == 1


def test_rows_are_thinned_evenly_to_the_last() -> None:
    assert rows_spread(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert rows_spread(100, 3).tolist() == [0, 50, 99] and rows_spread(0, 3).tolist() == []


def test_the_map_keeps_what_is_alike_together(campaign: Campaign) -> None:
    """Two clouds of structures lie apart in the first component, the product's to the right."""
    bench = campaign.bench
    seeded = campaign.state.seeded
    ends = [bench.structure_of(key) for key in (seeded.reactant, seeded.product)]
    rng = np.random.default_rng(0)
    rows = campaign.bench.dataset(campaign.state.dataset)
    clouds = [end.moved(end.positions + 0.01 * rng.normal(size=end.positions.shape)) for end in ends for _ in range(10)]
    frames = type(rows).of(clouds, iteration=np.zeros(20, dtype=np.int64), role=np.full(20, "seed"))
    frames = dataclasses.replace(frames, energy=np.full(20, KCAL_PER_MOL))
    nothing = type(rows).of([])
    marks = [("reactant", ends[0]), ("product", ends[1])]
    found = report_clouds.exploration_map(frames, unseen=nothing, band=nothing, marks=marks, zeros=(0.0, 0.0), album=Album(None))
    assert found is not None
    assert max(found.x[:10]) < min(found.x[10:]) and found.explained[0] > 0.9
    assert found.energy_kcal == pytest.approx([1.0] * 20)


def test_the_map_is_the_models_own_where_that_tells_the_ends_apart(campaign: Campaign) -> None:
    """To a network, which cannot tell like atoms, H + H2 and H2 + H are one; a stretched one is another."""
    bench, state = campaign.bench, campaign.state
    assert state.trained is not None and state.seeded is not None
    committee = bench.committee(state.trained.model)
    reactant, product = (bench.structure_of(key) for key in (state.seeded.reactant, state.seeded.product))
    stretched = reactant.moved(1.3 * reactant.positions)
    rng = np.random.default_rng(0)
    frames = bench.dataset(state.dataset)
    for other, space in ((product, DISTANCES), (stretched, LATENT)):
        clouds = [end.moved(end.positions + 0.01 * rng.normal(size=(3, 3))) for end in (reactant, other) for _ in range(10)]
        rows = dataclasses.replace(type(frames).of(clouds), energy=np.zeros(20))
        found = report_clouds.exploration_map(
            rows,
            unseen=type(rows).of([]),
            band=type(rows).of([]),
            marks=[("reactant", reactant), ("product", other)],
            zeros=(0.0, 0.0),
            album=Album(None),
            committee=committee,
        )
        assert found is not None and found.space == space
        assert max(found.x[:10]) < min(found.x[10:])


def test_the_driver_at_work_is_seen_with_its_batch(tmp_path: Path) -> None:
    file = leps_campaign(tmp_path)
    with Campaign(file) as driver:
        assert driver.at_work is None
        while driver.state.pending is None:
            driver.carry_out(driver.next_action())
        with Campaign(file) as other:
            seen = other.at_work
        assert seen is not None and seen["pid"] == os.getpid()
        assert 0 < seen["batch"] == driver.state.pending.batch_size and seen["batch_done"] <= seen["batch"]
    with Campaign(file) as later:
        assert later.at_work is None
