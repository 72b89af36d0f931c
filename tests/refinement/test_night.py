"""Nights of a real, finished campaign: what comes in is measured, labelled, learnt from and judged, and a kill loses nothing."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.errors import DriverConflict, InputError, ScienceChanged
from reactal.night import Night
from reactal.refinement.decide import Conclude, Gather, Keep, LabelPortion, Over, Teach
from reactal.refinement.events import Outcome
from reactal.refinement.inbox import Inbox, Kind, check_atoms
from reactal.refinement.plan import Tonight
from reactal.runner import Campaign
from reactal.store.local import LocalStore
from tests.campaigns import leps_campaign

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PLAN = Tonight(labels=24, portion=6, replicas=2, dynamics_fs=10.0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign that is through, on stub-sized networks."""
    file = leps_campaign(tmp_path_factory.mktemp("finished"))
    with Campaign(file) as driver:
        driver.run()
    return file


@pytest.fixture
def campaign(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, with structures and a trajectory in its inbox."""
    folder = tmp_path / "copy"
    shutil.copytree(finished.parent, folder)
    box = inbox(folder)
    box.add(stretched(0, 30), kind=Kind.STRUCTURES, file="dropped.xyz", added="2026-11-21T20:00:00+00:00")
    box.add(stretched(1, 30), kind=Kind.TRAJECTORY, file="md.traj", added="2026-11-21T21:00:00+00:00")
    return folder / finished.name


def inbox(folder: Path) -> Inbox:
    return Inbox(LocalStore(str(folder / ".reactal" / "store")), "h3")


def stretched(seed: int, count: int) -> Frames:
    """H3 along the reaction and beside it."""
    rng = np.random.default_rng(seed)
    places = []
    for _ in range(count):
        first, second = rng.uniform(0.65, 1.2), rng.uniform(0.8, 2.2)
        line = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, first], [0.0, 0.0, first + second]])
        places.append(line + rng.normal(0.0, 0.05, (3, 3)))
    return Frames.of([Structure((1, 1, 1), place, multiplicity=2) for place in places])


def steps(night: Night, until: type) -> None:
    """Carry out until the next step is of this kind."""
    while not isinstance(step := night.next_step(), until):
        assert not isinstance(step, Over)
        night.carry_out(step)


def test_a_night_from_the_inbox_to_a_verdict(campaign: Path) -> None:
    heard: list[Any] = []

    class Ear:
        def notify(self, notice: Any) -> None:
            heard.append(notice)

    with Night(campaign, plan=PLAN, name="first", notifier=Ear()) as night:
        said = night.run()
        state, scene = night.state, night._scene
        assert state.gathered and state.kept and state.taught and state.judged and state.concluded
        assert said["verdict"] in ("promoted", "kept") and said["why"] == state.concluded.why
        assert 0 < said["labels"] <= PLAN.labels
        by_file = {arrival.file: arrival for arrival in state.gathered.arrivals}
        assert by_file["dropped.xyz"].frames == 30 and by_file["md.traj"].kind == "trajectory"
        tests = set(scene.tests((*state.opened.tests, *state.kept.frozen)).keys()) if state.opened else set()
        trained = set(scene.bench.dataset(state.kept.dataset).keys())
        assert tests and not tests & trained, "no test structure is in the data set that was learnt from"
        assert state.taught.guard.startswith("replay")
        assert [notice.what for notice in heard] == (["promoted"] if said["verdict"] == "promoted" else [])
        page = (night.folder / "report.md").read_text()
        assert "dropped.xyz" in page and said["why"][1:] in page
        assert scene.bench.objects.get("campaigns/h3/nights/first/report.html").startswith(b"<!doctype html>")
        events = state.events
    with Night(campaign, plan=PLAN, name="first") as again:
        assert again.run() == said and again.state.events == events, "a night that is over is not begun again"
    with Night(campaign, plan=Tonight(labels=0, replicas=0), name="second") as second:
        assert second.run()["verdict"] == "kept"
        assert second.state.opened is not None and second.state.opened.tests[-1].name == "first"
        assert second.state.gathered is not None
        assert sum(arrival.known for arrival in second.state.gathered.arrivals) > 0
        assert second.nights() == ("first", "second")


KILL = """
import os, signal, sys
from reactal.night import Night
from reactal.refinement.decide import LabelPortion
from reactal.refinement.plan import Tonight
night = Night(sys.argv[1], plan=Tonight.model_validate_json(sys.argv[2]), name="n")
while not isinstance(step := night.next_step(), LabelPortion):
    night.carry_out(step)
night._carried_out(step)  # paid for, and not written down
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_it_goes_on_and_pays_for_nothing_twice(campaign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process is killed with a portion paid for; later steps are done and not written down, as by a kill in between."""
    shutil.copytree(campaign.parent, tmp_path / "undisturbed")
    with Night(tmp_path / "undisturbed" / campaign.name, plan=PLAN, name="n") as calm:
        wanted = calm.run()
    log = tmp_path / "executions"
    monkeypatch.setenv("REACTAL_LABEL_LOG", str(log))
    arguments = [sys.executable, "-c", KILL, str(campaign), PLAN.model_dump_json()]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    for kind in (Keep, Teach, Conclude):
        with Night(campaign, plan=PLAN, name="n") as night:
            steps(night, kind)
            night.begin()
            night._carried_out(night.next_step())
    with Night(campaign, plan=PLAN, name="n") as night:
        found = night.run()
    same = ("verdict", "why", "challenger", "labels", "groups", "champion")
    assert {name: found[name] for name in same} == {name: wanted[name] for name in same}
    paid = [json.loads(line)["key"] for line in log.read_text().splitlines()]
    assert paid and len(paid) == len(set(paid)), "no label is paid for twice"


def test_a_second_driver_of_the_same_night_is_refused(campaign: Path) -> None:
    with Night(campaign, plan=PLAN, name="n") as first, Night(campaign, plan=PLAN, name="n") as second:
        steps(first, Gather)
        with pytest.raises(DriverConflict, match="another driver"):
            second.run()
        steps(first, LabelPortion)
    with Night(campaign, plan=PLAN, name="another") as third:
        assert third.name == "n", "a night that is not over is finished before another one begins"


def test_promotion_and_the_way_back(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict is needed here, not a good model: the threshold is one that any challenger passes."""
    from reactal.refinement import measuring

    monkeypatch.setattr(measuring, "verdict", lambda *_, **__: (True, "it is better"))
    with Night(campaign, plan=PLAN, name="n") as night:
        before = night.champions()[-1].model
        said = night.run()
        assert said["verdict"] == Outcome.PROMOTED and said["champion"] == said["challenger"] != before
        assert [one.model for one in night.champions()] == [before, said["challenger"]]
    with Night(campaign, name="later") as later:
        assert later.roll_back().model == before
        assert [one.model for one in later.champions()] == [before, said["challenger"], before]
        with pytest.raises(InputError, match="nothing to go back to"):
            later.roll_back()


def test_what_is_refused(campaign: Path, tmp_path: Path) -> None:
    fresh = leps_campaign(tmp_path / "fresh")
    with Night(fresh, plan=PLAN) as night, pytest.raises(InputError, match="is not finished"):
        night.run()
    with Night(campaign, settings=["model.features=16"]) as night, pytest.raises(ScienceChanged, match=r"model\.features"):
        night.run()
    with pytest.raises(InputError, match="no name of a night"):
        Night(campaign, name="../../elsewhere")
    water = Structure.from_symbols("OHH", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    with Night(campaign) as night, pytest.raises(InputError, match="other atoms"):
        check_atoms(Frames.of([water]), night.config.ends[0], file="water.xyz")


def test_limits_end_the_labels_between_portions(campaign: Path) -> None:
    tiny = PLAN.model_copy(update={"core_hours": 1e-12})
    with Night(campaign, plan=tiny, name="n") as night:
        steps(night, LabelPortion)
        night.carry_out(night.next_step())
        assert isinstance(night.next_step(), Keep)
        steps(night, Teach)
        kept = night.state.kept
        assert kept is not None and kept.new + sum(one.rows for one in kept.frozen) == PLAN.portion
