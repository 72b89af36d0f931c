"""Carry out a Dockerfile's steps in a clean Debian root, where no container engine is at hand: as root, with debootstrap.

    python3 infra/docker/prove.py driver.Dockerfile [--keep FOLDER] [--build-arg NAME=VALUE]...

Every RUN runs in a root of its own stage by chroot, every COPY copies, USER and WORKDIR hold, and at the end the health check and
the entry point run as the image's user. What an engine adds (layers, limits, a network of its own) is not proven. A stage whose
base is not Debian cannot be made here: it and what is copied from it are named, and the exit code is 3.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREDEFINED = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")  # Docker's own arguments
CODENAMES = {"12": "bookworm", "13": "trixie"}
CHROOT = shutil.which("chroot") or "chroot"  # found here, not by the PATH of the image
UNPROVEN = 3
AUTHORITY = "/run/authority.crt"
MADE = "etc/.debootstrap-went-through"
OWN_MOUNTS = "PROVE_OWN_MOUNTS"


@dataclass
class Stage:
    """One FROM: its root folder, and what later steps inherit."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    folder: str = "/"
    health: list[str] = field(default_factory=list)
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


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


class Proof:
    """The stages of one Dockerfile, made one after the other under `work`."""

    def __init__(self, file: Path, work: Path, given: dict[str, str]) -> None:
        self.file, self.work, self.given = file, work, given
        self.stages: dict[str, Stage] = {}
        self.globals: dict[str, str] = {}
        self.here: Stage | None = None
        self.skipping = False  # in a stage that cannot be made
        self.unproven: list[str] = []

    def run(self) -> Stage | None:
        """Every step; the last stage, which is the image, or None where it could not be begun."""
        for word, rest in instructions(self.file.read_text()):
            if self.skipping and word != "FROM":
                continue
            began = time.monotonic()
            try:
                self.step(word, rest)
            except Unproven as why:
                self.unproven.append(f"{word} {rest[:60]}: {why}")
                print(f"not proven: {self.unproven[-1]}", flush=True)
                continue
            print(f"{time.monotonic() - began:7.1f} s  {word} {rest[:100]}", flush=True)
        return None if self.skipping else self.here

    def step(self, word: str, rest: str) -> None:
        """One instruction."""
        if word == "ARG" and self.here is None:
            name, _, default = rest.partition("=")
            self.globals[name] = self.given.get(name, default)
            return
        if word == "FROM":
            self.begin(filled(rest, self.globals))
            return
        stage = self.here
        assert stage is not None, f"{self.file}: {word} stands before FROM"
        values = {**stage.arguments, **stage.environ}
        match word:
            case "ARG":
                name, _, default = rest.partition("=")
                stage.arguments[name] = self.given.get(name, default or self.globals.get(name, ""))
            case "ENV":
                stage.environ |= dict(pair.split("=", 1) for pair in shlex.split(filled(rest, values)))
            case "RUN":
                inside(stage, ["/bin/sh", "-c", rest])
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

    def begin(self, rest: str) -> None:
        """A new stage from Debian, from an earlier stage, or from an image that was proven before."""
        base, _, name = rest.partition(" AS ")
        self.skipping = False
        root = self.work / f"stage{len(self.stages)}"
        known = re.fullmatch(r"debian:(\d+)(\.\d+)?-slim", base)
        if not known or known.group(1) not in CODENAMES:
            self.skipping = True
            raise Unproven(f"the base {base} needs a container engine")
        copied(clean_debian(CODENAMES[known.group(1)], self.work), root)
        self.here = self.stages[name or root.name] = Stage(
            root, environ={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        )

    def copy(self, stage: Stage, words: list[str]) -> None:
        """From the repository, as .dockerignore lets it in, or from a stage."""
        source_root = ROOT
        if words[0].startswith("--from="):
            source = self.stages.get(words.pop(0).removeprefix("--from="))
            if source is None:
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


def copied(source: Path, target: Path) -> None:
    """A whole root with owners and links."""
    subprocess.run(["cp", "--archive", "--one-file-system", "--reflink=auto", str(source), str(target)], check=True)


def clean_debian(codename: str, work: Path) -> Path:
    """A minimal Debian, made once."""
    root = work / codename
    if not (root / MADE).exists():
        if root.exists():
            removed(root)
        began = time.monotonic()
        subprocess.run(["debootstrap", "--variant=minbase", codename, str(root)], check=True, stdout=subprocess.DEVNULL)
        for place in ("proc", "sys"):  # which debootstrap may leave mounted
            subprocess.run(["umount", "--quiet", "--recursive", str(root / place)], check=False)
        places = (f"debian {codename}", f"debian-security {codename}-security")
        sources = "".join(f"deb http://deb.debian.org/{place} main\n" for place in places)
        (root / "etc/apt/sources.list").write_text(sources)
        (root / MADE).touch()
        print(f"{time.monotonic() - began:7.1f} s  debootstrap {codename}", flush=True)
    return root


def lent() -> dict[Path, str]:
    """What a step may read of this machine while it runs, and where: a network's names, wheels, certificates."""
    links = [word for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS") for word in os.environ.get(name, "").replace(",", " ").split()]
    folders = [Path(word.removeprefix("file://")) for word in links]
    system = [Path(name) for name in ("/proc", "/dev", "/etc/resolv.conf", "/etc/hosts")]
    places = {path: str(path) for path in [*system, *folders] if path.exists()}
    authority = Path(os.environ.get("SSL_CERT_FILE", ""))
    return places | ({authority: AUTHORITY} if authority.is_file() else {})  # its own place is that of a package


@contextmanager
def mounted(stage: Stage) -> Iterator[None]:
    """/proc, /dev and what is lent, inside the root."""
    with ExitStack() as stack:
        for path, where in lent().items():
            place = stage.root / where.lstrip("/")
            if path.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
            subprocess.run(["mount", "--bind", str(path), str(place)], check=True)
            stack.callback(subprocess.run, ["umount", "--lazy", str(place)], check=True)
        yield


def inside(stage: Stage, command: list[str]) -> str:
    """Run in the stage's root as its user; its output, which is shown where it fails."""
    machine = {name: value for name, value in os.environ.items() if name in PREDEFINED or name.startswith(("PIP_", "UV_"))}
    if AUTHORITY in lent().values():
        machine |= dict.fromkeys(("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), AUTHORITY)
    if "PIP_FIND_LINKS" in machine:
        machine.setdefault("UV_FIND_LINKS", machine["PIP_FIND_LINKS"])
    words = ["env", "--chdir", stage.folder, *command]
    with mounted(stage):
        done = subprocess.run(
            [CHROOT, f"--userspec={stage.user}", str(stage.root), *words],
            env={
                **machine,
                "TINI_SUBREAPER": "1",
                "HOME": "/" if stage.user == "0:0" else "/tmp",
                **stage.arguments,
                **stage.environ,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    if done.returncode:
        print(done.stdout[-4000:], file=sys.stderr)
        raise SystemExit(f"prove: this step failed with {done.returncode}: {' '.join(command)[:200]}")
    return done.stdout


def alone() -> None:
    """Go on in a mount namespace of this process's own: however it ends, no mount is left under a root that is removed later."""
    if os.environ.get(OWN_MOUNTS) != str(os.getpid()):
        os.execvpe(
            "unshare", ["unshare", "--mount", "--", sys.executable, *sys.argv], os.environ | {OWN_MOUNTS: str(os.getpid())}
        )


def removed(root: Path) -> None:
    """A root that was made before; `SystemExit` where something is mounted in it, which is not ours to remove."""
    within = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[1].startswith(f"{root}/")]
    if within:
        raise SystemExit(f"prove: {within[0]} is mounted; unmount it before {root} is removed")
    shutil.rmtree(root)


def missing() -> str | None:
    """Why nothing can be proven here; None where it can."""
    if os.geteuid() != 0:
        return "root is needed for chroot and mount"
    absent = [name for name in ("debootstrap", "chroot", "mount", "unshare") if shutil.which(name) is None]
    return f"{' and '.join(absent)} not on PATH: apt-get install debootstrap" if absent else None


def main() -> int:
    """0 where every step went through, 3 where some could not be tried."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dockerfile", help="a file beside this script")
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
        proof = Proof(Path(__file__).parent / given.dockerfile, work, dict(word.split("=", 1) for word in given.build_arg))
        image = proof.run()
        if image is not None:
            checked(image)
    return UNPROVEN if proof.unproven else 0


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
    print(f"size: {int(bytes_used) / 2**20:.0f} MiB unpacked")


if __name__ == "__main__":
    sys.exit(main())
