"""Roots for prove.py: a clean Debian, what of this machine a step may read in it, and how a step runs there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["CODENAMES", "Stage", "alone", "clean_debian", "copied", "inside", "missing", "removed"]

PREDEFINED = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")  # Docker's own arguments
CODENAMES = {"12": "bookworm", "13": "trixie"}
CHROOT = shutil.which("chroot") or "chroot"  # found here, not by the PATH of the image
AUTHORITY = "/run/authority.crt"
MADE = "etc/.debootstrap-went-through"
OWN_MOUNTS = "PROVE_OWN_MOUNTS"


@dataclass
class Stage:
    """One FROM: its root folder, what later steps inherit, and whether something that belongs in it could not be had."""

    root: Path
    lacks: bool = False
    environ: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    folder: str = "/"
    health: list[str] = field(default_factory=list)
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


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
