"""A committee as files: one JSON that says what it is, one safetensors a member. Nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from reactal.chem.elements import SYMBOLS
from reactal.errors import DamagedPotential, InputError
from reactal.potentials.committee import Committee
from reactal.potentials.device import device_of
from reactal.potentials.registered import REGISTRY, fetch_registered
from reactal.potentials.weights import Member

__all__ = ["load_committee", "read_committee", "save_committee", "write_committee"]

SCHEMA = "committee-1"
INDEX = "model.json"


def save_committee(committee: Committee) -> dict[str, bytes]:
    """File name to bytes; the same committee gives the same bytes."""
    blobs = {f"member-{i:02d}.safetensors": member.to_bytes() for i, member in enumerate(committee.members())}
    index = {
        "schema": SCHEMA,
        "members": list(blobs),
        "architecture": committee.architecture.as_json(),
        "references": committee.references.as_json(),
        "prior": {"name": "ziegler-biersack-littmark", "reach": committee.prior.reach},
        "elements": [SYMBOLS[z] for z in committee.references.elements],
        "units": {"energy": "eV", "length": "angstrom"},
        "about": dict(committee.about),
    }
    if committee.baseline is not None:
        index["baseline"] = {"name": committee.baseline.method}
    return {INDEX: json.dumps(index, indent=1, sort_keys=True).encode(), **blobs}


def load_committee(blobs: Mapping[str, bytes], *, name: str = "the model", device: str = "cpu") -> Committee:
    """The inverse of `save_committee`, computed on the device (`device_of`); `DamagedPotential` names what cannot be read."""
    try:
        index = json.loads(blobs[INDEX])
        schema, names, about = index["schema"], index["members"], index["about"]
    except (KeyError, ValueError, TypeError) as error:
        raise DamagedPotential(f"{name} has no readable {INDEX}; it is written by `reactal train`") from error
    if schema != SCHEMA:
        raise DamagedPotential(f"{name} has the format {schema}, this version reads {SCHEMA}; update reactal")
    missing = [file for file in names if file not in blobs]
    if missing:
        raise DamagedPotential(f"{name} lacks {', '.join(missing)}; fetch it again")
    members = [Member.from_bytes(blobs[file], name=f"{name}/{file}") for file in names]
    return Committee.of(members, **about).on(device_of(device))


def write_committee(folder: str | Path, committee: Committee) -> Path:
    """Into a folder, which is made; the index comes last, so that a folder with one is whole."""
    place = Path(folder)
    blobs = save_committee(committee)
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name in sorted(blobs, key=lambda name: name == INDEX):
            (place / name).write_bytes(blobs[name])
    except OSError as error:
        raise InputError(f"cannot write the model to {place} ({error.strerror}); give a folder that can be written") from error
    return place


def read_committee(where: str | Path, *, device: str = "cpu") -> Committee:
    """From a folder, from its model.json, from a model's URL in a store (`model` in a campaign's --json), or from the registry
    of MLflow (`models:/sn2@champion`). It is computed on the device, as `device_of` knows them."""
    if isinstance(where, str) and where.startswith(REGISTRY):
        return load_committee(fetch_registered(where), name=where, device=device)
    if isinstance(where, str) and "://" in where:
        return _read_remote(where, device)
    place = Path(where)
    place = place.parent if place.name == INDEX else place
    if not (place / INDEX).is_file():
        raise InputError(f"there is no model in {place}: it has no {INDEX}; give the folder that `reactal train` wrote")
    files = [place / INDEX, *sorted(place.glob("*.safetensors"))]
    return load_committee({file.name: file.read_bytes() for file in files}, name=str(place), device=device)


def _read_remote(url: str, device: str) -> Committee:
    from reactal.store.opening import open_store

    store = open_store(url, single_writer=True)  # nothing is written
    names = [name for name in store.list("") if "/" not in name]
    if INDEX not in names:
        raise InputError(f"there is no model at {url}: it has no {INDEX}; `reactal status CAMPAIGN --json` names the model's URL")
    return load_committee({name: store.get(name) for name in names}, name=url, device=device)
