"""Build the three images of the commit that is checked out: `python3 infra/docker/build.py [--registry HOST/NAME] [--push]`.

Each is tagged with the commit and built once: a tag that is there already is left as it is. A tree with changes is refused, since
no commit would say what is inside. Prints each image's size; BuildKit attaches a bill of materials beside the one in the image
(/srv/reactal/sbom.cdx.json, CycloneDX).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("driver", "psi4", "trainer")  # psi4 builds on driver


def said(command: list[str]) -> str | None:
    """Standard output; None where the command fails."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return done.stdout.strip() if done.returncode == 0 else None


def build(image: str, *, registry: str, revision: str, push: bool) -> str:
    """The tag of the image, built unless it is there."""
    tag = f"{registry}-{image}:{revision[:12]}"
    there = said(["docker", "manifest", "inspect", tag]) is not None
    if not there and (push or said(["docker", "image", "inspect", tag]) is None):
        command = ["docker", "buildx", "build", "--file", f"infra/docker/{image}.Dockerfile", "--tag", tag]
        command += ["--build-arg", f"REVISION={revision}", "--build-arg", f"DRIVER={registry}-driver:{revision[:12]}"]
        command += ["--sbom=true", "--provenance=true", "--push"] if push else ["--load"]
        subprocess.run([*command, "."], check=True, cwd=ROOT)
    size = said(["docker", "image", "inspect", "--format", "{{.Size}}", tag])
    print(f"{tag}: {int(size) / 2**20:.0f} MiB" if size else f"{tag}: in its registry")
    return tag


def main() -> int:
    """1 with one sentence where it cannot be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--registry", default="reactal", help="what the tags begin with, as in 1234.dkr.ecr.eu-central-1.amazonaws.com/reactal"
    )
    parser.add_argument("--push", action="store_true", help="to the registry, with bill of materials and provenance")
    parser.add_argument("images", nargs="*", default=IMAGES, help=f"of {', '.join(IMAGES)}; all of them unless named")
    given = parser.parse_args()
    if unknown := [name for name in given.images if name not in IMAGES]:
        print(f"build: there is no image {unknown[0]}; known are {', '.join(IMAGES)}", file=sys.stderr)
        return 2
    if shutil.which("docker") is None or said(["docker", "buildx", "version"]) is None:
        print("build: docker with buildx is needed to build images; prove.py tries their steps without", file=sys.stderr)
        return 1
    if said(["git", "status", "--porcelain"]) != "":
        print("build: the tree has changes that no commit names: commit them, then build", file=sys.stderr)
        return 1
    revision = said(["git", "rev-parse", "HEAD"]) or "unknown"
    for image in given.images:
        build(image, registry=given.registry, revision=revision, push=given.push)
    return 0


if __name__ == "__main__":
    sys.exit(main())
