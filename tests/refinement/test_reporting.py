"""The nightly page, from what was written down alone."""

from __future__ import annotations

from pathlib import Path

from reactal.refinement.decide import NightState, fold
from reactal.refinement.events import Arrival, Concluded, Gathered, Group, Judged, Opened, Outcome
from reactal.refinement.figure import draw
from reactal.refinement.judging import ALL, BARRIER, ENERGY, FORCE
from reactal.refinement.plan import Tonight
from reactal.refinement.reporting import as_html, markdown, night_metrics, summary

GROUPS = (
    Group(name=ALL, metric=FORCE, structures=9, champion=0.2, challenger=0.1, low=-0.15, high=-0.05, verdict="better"),
    Group(name=ALL, metric=ENERGY, structures=9, champion=0.02, challenger=0.01, low=-0.02, high=0.0, verdict="alike"),
    Group(name="region product basin", metric=FORCE, structures=3, champion=0.1, challenger=0.09, verdict="too few"),
    Group(name="barrier", metric=BARRIER, structures=3, champion=0.4, challenger=0.3, verdict="alike"),
)


def night(file: str = "md.traj") -> NightState:
    opened = Opened(
        night="2026-11-21",
        began="2026-11-21T22:00:00+00:00",
        ends=None,
        config="c",
        plan=Tonight(),
        champion="0123456789abcdef",
        champion_from="the store's record",
        base=(3,),
        tests=(),
        labels_before=45,
    )
    arrival = Arrival(name="f", kind="trajectory", file=file, frames=40, known=1, outside=7, disagreement=0.25)
    gathered = Gathered(
        arrivals=(arrival,), trust=1.0, weak_spots=5, left_trust=1, candidates=12, batch="b", batch_size=12, dropped={}
    )
    judged = Judged(promote=True, why="it is better", groups=GROUPS, left_out=2)
    return fold([opened, gathered, judged, Concluded(outcome=Outcome.PROMOTED, why="it is better", champion="fedcba98")])


def test_the_page_says_what_came_in_and_who_won() -> None:
    page = markdown("sn2", night(), {"store": "file:///s"})
    assert page.startswith("\n# sn2, night 2026-11-21: promoted\n")
    assert "| md.traj | trajectory | 40 | 1 | 7 | 0.250 |" in page
    assert "| all tests | force MAE | 9 | 200.0 | 100.0 | -100.0 | -150.0 to -50.0 | better |" in page
    assert "2 test structures were left out" in page


def test_a_file_named_like_markup_is_shown_as_text() -> None:
    page = as_html("sn2", night("<script>alert(1)</script>"), {})
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "default-src 'none'" in page


def test_metrics_have_the_names_of_campaigns_and_comparisons() -> None:
    found = night_metrics(GROUPS)
    assert found["force_mae"] == 0.1 and found["champion_force_mae"] == 0.2
    assert found["force_mae/product basin"] == 0.09
    assert found["barrier_error_kcal"] == 0.3 and found["energy_mae"] == 0.01
    assert found["change_force_mae_high"] == -0.05


def test_the_figure_shows_every_group_of_forces(tmp_path: Path) -> None:
    png, svg = draw(GROUPS, tmp_path, title="sn2, night 2026-11-21")
    assert png.read_bytes().startswith(b"\x89PNG")
    text = svg.read_text()
    assert "all tests (9)" in text and "region product basin (3)" in text and "barrier" not in text
    assert draw((), tmp_path, title="nothing was judged") == []


def test_the_summary_is_one_object() -> None:
    said = summary("sn2", night())
    assert said["verdict"] == "promoted" and said["champion"] == "fedcba98" and said["labels"] == 0
