"""A whole campaign that takes seconds: H + H2 on the LEPS surface, and the command line in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reactal.cli.main import invoke

REACTANT = "3\nH + H2\nH 0 0 0\nH 0 0.03 1.9\nH 0 0 2.65\n"
PRODUCT = "3\nH2 + H\nH 0 0 0\nH 0 0.03 0.75\nH 0 0 2.65\n"
LEPS_CAMPAIGN = """\
name: leps
reactant: r.xyz
product: p.xyz
multiplicity: 2
theory: {program: ase, method: leps, basis: none}
seeding: {images: 21, path: geodesic}
model: {features: 16, interactions: 2, members: 2}
training: {steps_first: 60, steps_warm: 30}
exploration: {replicas: 2, dynamics_fs: 10.0, band_steps: 20}
verification: {stability: false}
budget: {labels: 35}
cluster: {kind: none}
resources: {slots: 1}
tracking: {kind: none}
"""


def leps_campaign(folder: Path, more: str = "") -> Path:
    """Its file, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "r.xyz").write_text(REACTANT)
    (folder / "p.xyz").write_text(PRODUCT)
    file = folder / "campaign.yaml"
    file.write_text(LEPS_CAMPAIGN + more)
    return file


@dataclass(frozen=True)
class Answer:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Standard output as its one object; fails where anything else is there."""
        parsed = json.loads(self.out)
        assert isinstance(parsed, dict)
        return parsed


def reactal(capfd: pytest.CaptureFixture[str], *arguments: object) -> Answer:
    """Run a command line in this process."""
    capfd.readouterr()
    code = invoke([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return Answer(code, out, err)
