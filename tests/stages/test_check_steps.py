"""A reaction with an intermediate is held against its labels step by step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reactal.campaign.events import Labelled, ValleyProbe
from reactal.campaign.state import fold
from reactal.labeling.leps import leps
from reactal.runner import Campaign
from reactal.stages.check_steps import check_steps, intermediates, steps_of
from reactal.stages.subject import Subject
from tests.campaigns import leps_campaign
from tests.exploration.surfaces import Surface


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder: Path = tmp_path_factory.mktemp("steps")
    with Campaign(leps_campaign(folder)) as driver:
        driver.run()
    return driver


def test_steps_follow_the_path_and_their_energies_add_up(campaign: Campaign) -> None:
    """Two labelled structures are said to be intermediates; what they are worth is known from their labels."""
    bench = campaign.bench
    assert campaign.state.seeded is not None and not intermediates(campaign.state)
    events = list(campaign.events)
    places = [i for i, event in enumerate(events) if isinstance(event, Labelled) and event.arm]
    for place in places[:2]:
        event = events[place]
        assert isinstance(event, Labelled)
        probe = ValleyProbe(key=event.arm[0].key, intermediate=True, kcal=1.0, force_max=0.01)
        events[place] = event.model_copy(update={"valley": probe})
    state = fold(events)
    found = steps_of(bench, state)
    count = len(intermediates(state))
    assert count == len(places[:2]) and len(found) == count + 1
    assert found[0].name.startswith("reactant to intermediate") and found[-1].name.endswith("to product")
    heights = [step.reaction for step in found if step.reaction is not None]
    assert sum(heights) == pytest.approx(campaign.state.seeded.reference_kcal, abs=1e-6)
    surface = Surface(lambda x: np.asarray([leps(one)[0] for one in x]))
    said = check_steps(bench, state, Subject(surface, "m", bench.config.validation), pool=None, refine=False)
    (table,) = said.tables
    assert table.column("reaction") == tuple(step.name for step in found) and all(table.column("found"))
