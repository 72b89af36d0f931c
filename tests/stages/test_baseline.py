"""Which cheap method the models are trained on top of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.config import load_config, load_resolved
from reactal.errors import ConfigError
from reactal.stages.baseline import settled_baseline
from tests.campaigns import leps_campaign

WATER = Structure.from_symbols(["O", "H", "H"], [[0.0, 0.0, 0.12], [0.0, 0.76, -0.47], [0.0, -0.76, -0.47]])
PATH = Frames.repeat(WATER, np.stack([WATER.positions, 1.05 * WATER.positions]))
URANIUM = Frames.of([Structure.from_symbols(["U"], [[0.0, 0.0, 0.0]])])


@pytest.mark.parametrize("program", ["psi4", "pyscf", "qcengine"])
def test_auto_is_gfn2_where_the_theory_is_of_electrons(program: str) -> None:
    assert settled_baseline("auto", program, PATH) == "gfn2"


@pytest.mark.parametrize("program", ["ase", "xtb", "pool", "teacher"])
def test_auto_is_none_for_any_other_surface(program: str) -> None:
    assert settled_baseline("auto", program, PATH) == "none"


def test_auto_is_none_where_gfn2_fails_on_the_path() -> None:
    broken = Frames.repeat(WATER, np.stack([WATER.positions, np.full((3, 3), np.nan)]))
    assert settled_baseline("auto", "psi4", broken) == "none"
    assert settled_baseline("auto", "psi4", URANIUM) == "none"


def test_what_the_file_names_is_taken_or_refused_with_the_reason() -> None:
    assert settled_baseline("none", "psi4", PATH) == "none"
    assert settled_baseline("gfn1", "ase", PATH) == "gfn1"
    with pytest.raises(ConfigError, match=r"training\.baseline: gfn2 cannot be used: .*not U"):
        settled_baseline("gfn2", "psi4", URANIUM)
    broken = Frames.repeat(WATER, np.stack([WATER.positions, np.full((3, 3), np.nan)]))
    with pytest.raises(ConfigError, match="does not converge at 1 of the 2 images"):
        settled_baseline("gfn2", "psi4", broken)


def test_a_campaign_from_before_there_were_baselines_goes_on_without(tmp_path: Path) -> None:
    config = load_config(leps_campaign(tmp_path))
    assert config.training.baseline == "auto"
    old = "".join(line for line in config.yaml().splitlines(keepends=True) if "baseline" not in line)
    assert load_resolved(old.encode()).training.baseline == "none"
