"""Carry out Dockerfiles' steps in a clean Debian root, where no container engine is at hand: as root, with debootstrap.

    python3 infra/docker/prove.py driver.Dockerfile trainer.Dockerfile psi4.Dockerfile [--keep FOLDER] [--build-arg NAME=VALUE]...

Every RUN runs in a root of its own stage by chroot, every COPY copies, USER and WORKDIR hold, and at the end the health check and
the entry point run as the image's user. Stages with the same steps are made once; a later file may begin from the image of an
earlier one. What an engine adds (layers, limits, a network) is not proven. A stage whose base is neither cannot be made
here: it, what is copied from it and what fails without are named, and the exit code is 3.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from roots import CODENAMES, Stage, alone, clean_debian, copied, inside, missing, removed

ROOT = Path(__file__).resolve().parents[2]
UNPROVEN = 3


class Unproven(Exception):
    """A step that needs what is not here."""


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """(INSTRUCTION, the rest) of a Dockerfile without comments, continued lines joined."""
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    for line in filter(str.strip, joined.splitlines()):
        word, _, rest = line.strip().partition(" ")
        yield word.upper(), rest.strip()


def filled(text: str, values: dict[str, str]) -> str:
    """With ${NAME} and $NAME replaced as Docker does outside RUN."""
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values.get(found.group(1), ""), text)


@dataclass
class Known:
    """What earlier files have made: images by their tag, and stages by their steps."""

    images: dict[str, Stage] = field(default_factory=dict)
    stages: dict[tuple[str, ...], Stage] = field(default_factory=dict)


class Proof:
    """The stages of one Dockerfile, made one after the other under `work`."""

    def __init__(self, file: Path, work: Path, given: dict[str, str], known: Known) -> None:
        self.file, self.work, self.given, self.known = file, work, given, known
        self.stages: dict[str, Stage] = {}
        self.globals: dict[str, str] = {}
        self.here: Stage | None = None
        self.skipping = False  # in a stage that cannot be made
        self.unproven: list[str] = []

    def run(self) -> Stage | None:
        """Every step; the last stage, which is the image, or None where it could not be begun."""
        steps = list(instructions(self.file.read_text()))
        for number, (word, rest) in enumerate(steps):
            if self.skipping and word != "FROM":
                continue
            began = time.monotonic()
            try:
                if word == "FROM":
                    self.begin(filled(rest, self.globals), self.key(steps[number:]))
                else:
                    self.step(word, rest)
            except Unproven as why:
                self.unproven.append(f"{word} {rest[:60]}: {why}")
                print(f"not proven: {self.unproven[-1]}", flush=True)
                continue
            print(f"{time.monotonic() - began:7.1f} s  {word} {rest[:100]}", flush=True)
        if self.here is not None:
            self.known.images[f"reactal-{self.file.stem}:dev"] = self.here
        return self.here

    def key(self, steps: list[tuple[str, str]]) -> tuple[str, ...]:
        """The steps of the stage that begins there, with the arguments that hold."""
        rest = itertools.takewhile(lambda step: step[0] != "FROM", steps[1:])
        return (
            filled(steps[0][1], self.globals),
            *(f"{word} {self.argument(text) if word == 'ARG' else text}" for word, text in rest),
        )

    def argument(self, rest: str) -> tuple[str, str]:
        """Name and value of an ARG inside a stage."""
        name, _, default = rest.partition("=")
        return name, self.given.get(name, default or self.globals.get(name, ""))

    def step(self, word: str, rest: str) -> None:
        """One instruction."""
        if word == "ARG" and self.here is None:
            name, _, default = rest.partition("=")
            self.globals[name] = self.given.get(name, default)
            return
        stage = self.here
        assert stage is not None, f"{self.file}: {word} stands before FROM"
        values = {**stage.arguments, **stage.environ}
        match word:
            case "ARG":
                name, value = self.argument(rest)
                stage.arguments[name] = value
            case "ENV":
                stage.environ |= dict(pair.split("=", 1) for pair in shlex.split(filled(rest, values)))
            case "RUN":
                try:
                    inside(stage, ["/bin/sh", "-c", rest])
                except SystemExit as failed:
                    if stage.lacks:
                        raise Unproven("it fails without what could not be copied") from failed
                    raise
            case "COPY":
                self.copy(stage, shlex.split(filled(rest, values)))
            case "WORKDIR":
                stage.folder = filled(rest, values)
                self.folder_in(stage, stage.folder)
            case "USER":
                stage.user = filled(rest, values)
            case "HEALTHCHECK":
                stage.health = json.loads(rest.partition("CMD")[2])
            case "ENTRYPOINT":
                stage.entry = json.loads(rest)
            case "CMD":
                stage.command = json.loads(rest)
            case "LABEL" | "EXPOSE" | "SHELL":
                pass
            case _:
                raise Unproven("this instruction is not known here")

    def begin(self, rest: str, key: tuple[str, ...]) -> None:
        """A new stage from Debian or from the image of an earlier file; none where an earlier file has made the same."""
        base, _, name = rest.partition(" AS ")
        root = self.work / f"stage-{self.file.stem}-{len(self.stages)}"
        self.here, self.skipping = self.known.stages.get(key), True
        if self.here is not None:
            print(f"the same steps as in {self.here.root.name}: {base} AS {name}", flush=True)
            self.stages[name or root.name] = self.here
            return
        debian = re.fullmatch(r"debian:(\d+)(\.\d+)?-slim", base)
        if base in self.known.images:
            proven = self.known.images[base]
            copied(proven.root, root)
            self.here = replace(proven, root=root, environ=dict(proven.environ), arguments={})
        elif debian and debian.group(1) in CODENAMES:
            copied(clean_debian(CODENAMES[debian.group(1)], self.work), root)
            self.here = Stage(root, environ={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
        else:
            raise Unproven(f"the base {base} needs a container engine")
        self.skipping = False
        self.stages[name or root.name] = self.known.stages[key] = self.here

    def copy(self, stage: Stage, words: list[str]) -> None:
        """From the repository, as .dockerignore lets it in, or from a stage."""
        source_root = ROOT
        if words[0].startswith("--from="):
            source = self.stages.get(words.pop(0).removeprefix("--from="))
            if source is None:
                stage.lacks = True
                raise Unproven("the stage it copies from was not made")
            source_root = source.root
        *sources, target = words
        into = inside_path(stage, target)
        for name in sources:
            found = source_root / name.lstrip("/")
            assert found.exists(), f"{self.file}: COPY of {name}, which is not there"
            place = into if found.is_dir() or not target.endswith("/") else into / found.name
            place.parent.mkdir(parents=True, exist_ok=True)
            if found.is_dir():
                # as the engine does, a link stays a link
                shutil.copytree(
                    found,
                    place,
                    symlinks=True,
                    dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("__pycache__") if source_root == ROOT else None,
                )
            else:
                shutil.copy2(found, place)

    def folder_in(self, stage: Stage, folder: str) -> None:
        """WORKDIR makes its folder."""
        (stage.root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)


def inside_path(stage: Stage, target: str) -> Path:
    """Where a path of the image lies here; a relative one stands for the working folder."""
    return stage.root / (target if target.startswith("/") else f"{stage.folder}/{target}").lstrip("/")


def main() -> int:
    """0 where every step went through, 3 where some could not be tried."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dockerfile", nargs="+", help="files beside this script, each after those that it begins from")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the roots here; a clean Debian in it is used again")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="as of docker build")
    given = parser.parse_args()
    if why := missing():
        print(f"prove: {why}", file=sys.stderr)
        return 1
    alone()
    with ExitStack() as stack:
        work = (given.keep and given.keep.resolve()) or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prove-")))
        work.mkdir(parents=True, exist_ok=True)
        for old in work.glob("stage*"):
            removed(old)
        known, unproven = Known(), []
        for name in given.dockerfile:
            print(f"{name}:", flush=True)
            proof = Proof(Path(__file__).parent / name, work, dict(word.split("=", 1) for word in given.build_arg), known)
            image = proof.run()
            if image is not None:
                checked(image)
            unproven += proof.unproven
    return UNPROVEN if unproven else 0


def checked(image: Stage) -> None:
    """The health check and the entry point as the image's own user, and the image's size."""
    assert image.user.partition(":")[0] not in ("0", "root"), "the image runs as root"
    if image.health:
        inside(image, image.health)
        print("healthy: " + " ".join(image.health))
    if image.entry:
        first = next(iter(inside(image, [*image.entry, *image.command]).strip().splitlines()), "")
        print(f"entry point: {' '.join([*image.entry, *image.command])}: {first.strip()}")
    bytes_used = subprocess.run(["du", "-sb", str(image.root)], capture_output=True, text=True, check=True).stdout.split()[0]
    without = ", without what could not be copied" if image.lacks else ""
    print(f"size: {int(bytes_used) / 2**20:.0f} MiB unpacked{without}")


if __name__ == "__main__":
    sys.exit(main())
