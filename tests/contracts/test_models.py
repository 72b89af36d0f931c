"""A trained committee can be loaded from where a campaign says it lies, in any store that outlives its process."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.potentials.calculator import load_potential
from reactal.potentials.export import save_committee
from reactal.stages.models import ModelStore
from reactal.store.opening import open_store, url_below
from tests.contracts.conftest import MANY_PROCESSES
from tests.potentials.surface import WATER, committee_of_random_networks


@pytest.mark.parametrize("kind", MANY_PROCESSES)
def test_a_model_is_loaded_by_its_url(kind: str, fresh_url: Callable[[str], str]) -> None:
    committee = committee_of_random_networks(members=2)
    store = open_store(fresh_url(kind))
    models = ModelStore(store, "sn2")
    url = models.url(models.put(save_committee(committee)))
    frames = Frames.of([WATER])
    again = load_potential(url).potential.predict(frames)
    assert again.forces == pytest.approx(committee.predict(frames).forces, abs=1e-6)
    assert np.isfinite(again.energy).all()
    with pytest.raises(InputError, match=r"no model at .*it has no model\.json"):
        load_potential(url_below(store.url, "campaigns/other"))
