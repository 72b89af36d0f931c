"""Labels and frames in and out of the store, against the floor: the same bytes by plain file calls or plain boto3."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import boto3
import numpy as np
from figure import Figure, rates, report, versus
from store_at_scale import scale_figures

from reactal.chem.frames import Frames
from reactal.chem.label import Label
from reactal.chem.structure import Structure
from reactal.store.datasets import DatasetStore
from reactal.store.labels import LabelStore
from reactal.store.objects import ObjectStore
from reactal.store.opening import open_store

MB = 1e6
ATOMS = 9
GOALS = {  # of the floor; frames are also compressed and hashed, which the floor does not do
    "disk": {"label_put": 0.5, "label_get": 0.1, "frames_commit": 0.1, "frames_load": 0.1},
    "s3": {"label_put": 0.7, "label_get": 0.7, "frames_commit": 0.3, "frames_load": 0.3},
}


class Floor(Protocol):
    """The least that writing and reading bytes durably takes."""

    def write(self, name: str, data: bytes) -> None: ...
    def read(self, name: str) -> bytes: ...


@dataclass(frozen=True)
class PlainFiles:
    folder: Path

    def write(self, name: str, data: bytes) -> None:
        with (self.folder / name).open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        descriptor = os.open(self.folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@dataclass(frozen=True)
class PlainBoto:
    client: Any
    bucket: str

    def write(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=name, Body=data)

    def read(self, name: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read())


def molecules(n: int) -> tuple[Structure, np.ndarray]:
    """A chain of carbons, and n places of its atoms (n, ATOMS, 3) angstrom, no two alike."""
    rng = np.random.default_rng(0)
    chain = np.stack([1.4 * np.arange(ATOMS), np.zeros(ATOMS), np.zeros(ATOMS)], axis=1)
    return Structure((6,) * ATOMS, chain), chain + rng.normal(scale=0.05, size=(n, ATOMS, 3))


def label_figures(kind: str, objects: ObjectStore, floor: Floor, *, n: int, runs: int) -> list[Figure]:
    chain, places = molecules(n)
    rng = np.random.default_rng(1)
    structures = [chain.moved(place) for place in places]
    labels = [Label(s.key, "bench", energy=-1.0, forces=rng.normal(size=(ATOMS, 3))) for s in structures]
    keys = [s.key for s in structures]
    store = LabelStore(objects)
    store.put(labels[0], structures[0])
    data = objects.get(next(objects.list("labels/")))
    newest = ""

    def put() -> None:
        nonlocal newest
        newest = uuid4().hex[:24]  # a theory of its own, so that every run writes new objects
        for structure, label in zip(structures, labels, strict=True):
            store.put(Label(label.structure_key, newest, label.energy, label.forces), structure)

    def put_floor() -> None:
        for key in keys:
            floor.write(f"{newest}-{key}", data)

    def get() -> None:
        assert len(store.get_many(newest, keys)) == n

    def get_floor() -> None:
        for key in keys:
            floor.read(f"{newest}-{key}")

    written = rates(n, [put, put_floor], runs=runs)
    read = rates(n, [get, get_floor], runs=runs)
    return [
        versus(f"label_put_{kind}_vs_floor", "labels/s", *written, at_least=GOALS[kind]["label_put"]),
        versus(f"label_get_{kind}_vs_floor", "labels/s", *read, at_least=GOALS[kind]["label_get"]),
    ]


def frames_figures(kind: str, objects: ObjectStore, floor: Floor, *, n: int, runs: int) -> list[Figure]:
    chain, places = molecules(n)
    rng = np.random.default_rng(2)
    frames = Frames.repeat(chain, places)
    frames = Frames(**{**vars(frames), "energy": rng.normal(size=n), "forces": rng.normal(size=(n * ATOMS, 3))})
    raw = frames.positions.tobytes() + frames.forces.tobytes() + frames.numbers.tobytes() + frames.energy.tobytes()
    newest = ""

    def commit() -> None:
        nonlocal newest
        newest = uuid4().hex
        DatasetStore(objects).commit(newest, frames)

    def write_floor() -> None:
        floor.write(newest, raw)

    def load() -> None:
        assert len(DatasetStore(objects).load(newest)) == n

    def read_floor() -> None:
        floor.read(newest)

    written = rates(len(raw) / MB, [commit, write_floor], runs=runs)
    read = rates(len(raw) / MB, [load, read_floor], runs=runs)
    return [
        versus(f"frames_commit_{kind}_vs_floor", "MB/s", *written, at_least=GOALS[kind]["frames_commit"]),
        versus(f"frames_load_{kind}_vs_floor", "MB/s", *read, at_least=GOALS[kind]["frames_load"]),
    ]


@contextmanager
def disk() -> Iterator[tuple[ObjectStore, Floor]]:
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain"
        plain.mkdir()
        yield open_store(str(Path(folder) / "store")), PlainFiles(plain)


@contextmanager
def s3() -> Iterator[tuple[ObjectStore, Floor]]:
    """moto's server in a process of its own."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_EC2_METADATA_DISABLED": "true"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            if time.monotonic() > deadline or server.poll() is not None:
                raise RuntimeError("moto's server did not start; is moto[server] installed?")
            time.sleep(0.05)
        endpoint = f"http://127.0.0.1:{port}"
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="bench")
        yield open_store(f"s3://bench/store?endpoint={endpoint}"), PlainBoto(client, "bench")
    finally:
        server.terminate()
        server.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same on smaller work, within two minutes")
    quick = parser.parse_args().quick
    figures: list[Figure] = []
    for kind, opened, labels, frames in (
        ("disk", disk, 500 if quick else 3_000, 20_000 if quick else 300_000),
        ("s3", s3, 150 if quick else 1_000, 20_000 if quick else 200_000),
    ):
        runs = 3 if quick else 5
        with opened() as (objects, floor):
            figures += label_figures(kind, objects, floor, n=labels, runs=runs)
            figures += frames_figures(kind, objects, floor, n=frames, runs=runs)
    report(figures + scale_figures(quick=quick))


if __name__ == "__main__":
    main()
