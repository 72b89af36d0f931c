"""Whole campaigns that take seconds: H + H2 -> H2 + H on the LEPS surface, with the shipped settings or with very small ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from reactal.runner import Campaign

REACTANT_Z, PRODUCT_Z = (0.0, 0.74, 2.8), (0.0, 2.06, 2.8)  # angstrom
BARRIER_KCAL = 8.02
"""Of the LEPS surface, between the stationary points that the campaign relaxes to."""

SMALL: Mapping[str, Mapping[str, Any]] = {
    "model": {"features": 8, "interactions": 1, "members": 2},
    "training": {"steps_first": 20, "steps_warm": 10},
    "exploration": {"band_steps": 15, "replicas": 2, "dynamics_fs": 10.0},
    "budget": {"labels": 45},
}
"""Enough for every stage to run in three rounds; far too little to learn the surface."""


def leps_campaign(folder: Path, *, small: bool = True, **changes: Any) -> Path:
    """A campaign file in `folder` with its two geometries; sections in `changes` are merged over what there is."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, heights in (("reactant", REACTANT_Z), ("product", PRODUCT_Z)):
        atoms = "\n".join(f"H 0.0 0.0 {z}" for z in heights)
        (folder / f"{name}.xyz").write_text(f"3\n{name}\n{atoms}\n")
    tree: dict[str, Any] = {
        "name": "h3",
        "reactant": "reactant.xyz",
        "product": "product.xyz",
        "multiplicity": 2,
        "theory": {"program": "ase", "method": "leps", "basis": "none", "keywords": {}},
        "cluster": {"kind": "none"},
        "tracking": {"kind": "none"},
    }
    for section, values in ({**SMALL} if small else {}).items():
        tree[section] = dict(values)
    for section, value in changes.items():
        tree[section] = {**tree.get(section, {}), **value} if isinstance(value, Mapping) and section != "theory" else value
    file = folder / "campaign.yaml"
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    return file


MEASURED = frozenset({"seconds", "core_seconds", "computed", "reused", "config"})
"""What of an event differs from run to run: how long it took, what the store already held, and where it lies."""


def end_of(campaign: Campaign) -> dict[str, Any]:
    """What two runs of the same campaign must agree in, to the last bit."""
    bench, state = campaign.bench, campaign.state
    rows = bench.dataset(state.dataset)
    return {
        "history": [{k: v for k, v in event.as_json().items() if k not in MEASURED} for event in campaign.events],
        "labels": sorted(bench.labels.keys(bench.theory.fingerprint)),
        "dataset": [rows.structure(row).key for row in range(len(rows))],
        "versions": bench.datasets.versions(campaign.config.name),
        "model": state.trained.model if state.trained else None,
        "outcome": state.outcome,
    }
