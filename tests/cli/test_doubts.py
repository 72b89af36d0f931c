"""`reactal predict --labelled`: how far a prediction is from what is labelled stands beside it."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest

from reactal.chem.convert import write_frames
from reactal.potentials.export import write_committee
from tests.cli.toy import reactal
from tests.potentials.surface import METHANOL, committee_of_random_networks, labelled


def test_far_from_the_labelled_is_more_doubtful(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = write_committee(tmp_path / "model", committee_of_random_networks())
    known, near, far = (labelled(METHANOL, count=n, seed=n, rattle=size) for n, size in ((30, 0.03), (5, 0.03), (6, 0.3)))
    for name, frames in (("known", known), ("near", near), ("far", far)):
        write_frames(tmp_path / f"{name}.extxyz", frames)
    asked = ("--labelled", tmp_path / "known.extxyz", "--json")
    said = [
        reactal(capfd, "predict", model, tmp_path / f"{name}.extxyz", "--out", tmp_path / "out.extxyz", *asked).json
        for name in ("near", "far")
    ]
    for kind in ("latent_distance", "laplace", "process"):
        close, distant = (np.asarray(one[f"doubt_{kind}"]) for one in said)
        assert np.median(distant) > np.median(close), kind
        assert (len(close), len(distant)) == (5, 6)
    written = [atoms.info["doubt_laplace"] for atoms in ase.io.iread(tmp_path / "out.extxyz")]
    np.testing.assert_allclose(written, said[1]["doubt_laplace"], rtol=1e-5)
