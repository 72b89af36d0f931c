"""Set up everything reactal needs on this machine: `python3 infra/bootstrap.py`, called by `make setup`.

Uses the standard library alone. Makes `.venv` with the versions that were tested together (constraints.txt), the CPU build of
torch unless an NVIDIA GPU is there, and finds or installs Psi4. Running it again costs a fraction of a second: a stamp in
`.venv` remembers what was installed from what.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "reactal-setup.json"
SOURCES = ("pyproject.toml", "constraints.txt", "overrides.txt", "infra/bootstrap.py")
OLDEST = (3, 11)
UV = "uv==0.13.8"
PSI4_ENVIRONMENT = "reactal-psi4"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class SetupError(Exception):
    """One sentence: what failed, and the mend."""


def main() -> int:
    """Bring the machine up to date; 0 when it is, 1 after saying in one sentence why not."""
    try:
        use_supported_python()
        wanted = fingerprint()
        done = read_stamp()
        if done.get("fingerprint") != wanted or not PYTHON.exists():
            done = {}
            STAMP.unlink(missing_ok=True)
            install_packages()
            STAMP.write_text(json.dumps({"fingerprint": wanted}))
        if not psi4_still_there(done):
            done = {"fingerprint": wanted, "psi4": provide_psi4()}
            STAMP.write_text(json.dumps(done))
            say("ready: `make run` for the example, `.venv/bin/reactal doctor` for the state of this machine")
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


def say(message: str) -> None:
    """One line of progress."""
    print(f"setup: {message}", flush=True)


def use_supported_python() -> None:
    """Go on in a newer Python of this machine where this one is too old."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(14, OLDEST[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])
    raise SetupError(
        "Python 3.11 or newer is needed, and python3 here is older: install one, then `make setup PYTHON=python3.11`."
    )


def fingerprint() -> str:
    """Changes whenever what should be installed, or the Python to install it for, changes."""
    content = b"".join((ROOT / name).read_bytes() for name in SOURCES)
    return hashlib.sha256(content + sys.version.encode() + str(ROOT).encode()).hexdigest()


def read_stamp() -> dict[str, str]:
    """What the last finished set-up left; empty where there was none."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def run(command: list[str], *, mend: str, environ: dict[str, str] | None = None) -> None:
    """Run to the end, its output passed through; SetupError with `mend` where it fails."""
    try:
        subprocess.run(command, check=True, env=environ, cwd=ROOT)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"`{' '.join(command[:4])} ...` failed: {mend}") from error


def answer(command: list[str]) -> str | None:
    """Standard output of a quick question; None where it cannot be asked."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def as_root(command: list[str]) -> list[str] | None:
    """The command as root would run it; None where neither root nor sudo without a password is at hand."""
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo") and (sys.stdin.isatty() or answer(["sudo", "-n", "true"]) is not None):
        return ["sudo", *command]
    return None


def apt_install(package: str, *, mend: str) -> bool:
    """Install a Debian package; False where apt or the right to use it is missing."""
    apt = as_root(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"])
    if not shutil.which("apt-get") or apt is None:
        return False
    say(f"installing {package} with apt-get")
    subprocess.run([*apt, "update"], check=False)  # one dead mirror of several is no reason to stop
    run([*apt, "install", "-y", package], mend=mend)
    return True


# ---- Python packages ----------------------------------------------------------------------------------------------------------


def install_packages() -> None:
    """Make `.venv` and install the tested versions into it."""
    started = time.monotonic()
    make_environment()
    settings = pip_settings()
    uv = find_uv()
    say("installing the Python packages (about 2 GB on disk)")
    if uv is None:
        install_with_pip(settings)
    else:
        install_with_uv(uv, settings)
    say(f"Python packages installed in {time.monotonic() - started:.0f} s")


def make_environment() -> None:
    """An environment of the running Python, in place of one of another version."""
    same_python = answer([str(PYTHON), "-c", "import sys; print(sys.version)"]) == f"{sys.version}\n"
    if same_python:
        return
    say(f"making .venv with Python {sys.version.split()[0]}")
    uv = shutil.which("uv")
    if uv:
        run([uv, "venv", "-q", "--clear", "--seed", "--python", sys.executable, str(VENV)], mend="look at uv's message above.")
        return
    mend = "install python3-venv (`apt-get install python3-venv`) or put uv on PATH, then call `make setup` again."
    if answer([sys.executable, "-c", "import ensurepip, venv"]) is None and not apt_install("python3-venv", mend=mend):
        raise SetupError(f"this Python cannot make environments: {mend}")
    run([sys.executable, "-m", "venv", "--clear", str(VENV)], mend=mend)


def pip_settings() -> dict[str, list[str]]:
    """The user's pip settings (files and variables), which uv would not read: find-links, indexes, certificate."""
    precedence = ("global", "install", ":env:")
    found: dict[tuple[int, str], list[str]] = {}
    for line in (answer([str(PYTHON), "-m", "pip", "config", "list"]) or "").splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in precedence:
            found[precedence.index(section), name] = ast.literal_eval(value).split()
    return {name: value for (_, name), value in sorted(found.items())}


def uv_environment(settings: dict[str, list[str]]) -> dict[str, str]:
    """This process's variables with pip's settings put into uv's words, unless uv has its own."""
    environ = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH"}}
    translated = {
        "UV_FIND_LINKS": ",".join(settings.get("find-links", [])),
        "UV_DEFAULT_INDEX": " ".join(settings.get("index-url", [])),
        "UV_INDEX": " ".join(settings.get("extra-index-url", [])),
        # pip takes the best version of all indexes; uv would stop at the first index that knows the name
        "UV_INDEX_STRATEGY": "unsafe-best-match" if "extra-index-url" in settings else "",
        "SSL_CERT_FILE": " ".join(settings.get("cert", [])),
    }
    for key, value in translated.items():
        if value:
            environ.setdefault(key, value)
    return environ


def find_uv() -> str | None:
    """uv of the tested version inside `.venv`, else the machine's; None where there is neither."""
    inside = VENV / "bin" / "uv"
    if not inside.exists() and answer([str(PYTHON), "-m", "pip", "install", "-q", UV]) is None:
        outside = shutil.which("uv")
        say(f"{UV} cannot be installed; " + ("using the uv on PATH" if outside else "using pip"))
        return outside
    return str(inside)


def install_with_uv(uv: str, settings: dict[str, list[str]]) -> None:
    """Resolve under constraints and overrides; torch from its own CPU or CUDA index where that answers."""
    environ = uv_environment(settings)
    command = [uv, "pip", "install", "-q", "--python", str(PYTHON), "-c", "constraints.txt", "-b", "constraints.txt"]
    command += ["--override", "overrides.txt", "-e", ".[dev]"]
    if holds_torch(environ.get("UV_FIND_LINKS", "")):
        run(command, environ=environ, mend="look at uv's message above, and at the network.")
        return
    backend = "auto" if has_gpu() else "cpu"
    try:
        run([*command, "--torch-backend", backend], environ=environ, mend="torch's own package index gave no answer.")
    except SetupError:
        say("torch's own package index gave no answer: taking torch from the default index, which is larger")
        run(command, environ=environ, mend="look at uv's message above, and at the network.")


def install_with_pip(settings: dict[str, list[str]]) -> None:
    """Without a resolver: constraints.txt names every package, and pip knows no overrides."""
    pip = [str(PYTHON), "-m", "pip", "install", "-q", "--no-deps"]
    mend = "look at pip's message above, and at the network."
    torch_index = (
        [] if has_gpu() or holds_torch(",".join(settings.get("find-links", []))) else ["--extra-index-url", TORCH_CPU_INDEX]
    )
    run([*pip, *torch_index, "-r", "constraints.txt"], mend=mend)
    run([*pip, "-e", "."], mend=mend)


def holds_torch(find_links: str) -> bool:
    """Whether a folder among the comma-separated find-links has a torch wheel for this Python."""
    wheel = f"torch-*-cp{sys.version_info.major}{sys.version_info.minor}-*.whl"
    folders = [Path(link[len("file://") :] if link.startswith("file://") else link) for link in find_links.split(",") if link]
    return any(any(folder.glob(wheel)) for folder in folders)


def has_gpu() -> bool:
    """Whether an NVIDIA driver answers on this machine."""
    return shutil.which("nvidia-smi") is not None and answer(["nvidia-smi", "-L"]) not in (None, "")


# ---- Psi4 ---------------------------------------------------------------------------------------------------------------------


def psi4_still_there(done: dict[str, str]) -> bool:
    """Whether the Psi4 that the last set-up met is still in its place."""
    return bool(done.get("psi4")) and Path(done["psi4"]).exists()


def provide_psi4() -> str:
    """Find Psi4, or install it by the first way this machine offers; the path of its Python."""
    found = find_psi4()
    if found is None:
        install_psi4()
        found = find_psi4()
    if found is None:
        raise SetupError("Psi4 was installed but is not found: set REACTAL_PSI4 to its psi4 script and call `make setup` again.")
    say(f"Psi4 runs under {found}")
    return found


def find_psi4() -> str | None:
    """The Python of the Psi4 that reactal would use, asked of reactal itself."""
    question = "from reactal.labeling.locate import find_psi4; print(find_psi4().interpreter)"
    found = answer([str(PYTHON), "-c", question])
    if found is None and os.environ.get("REACTAL_PSI4"):
        raise SetupError(f"REACTAL_PSI4 says {os.environ['REACTAL_PSI4']}, which is no Psi4: correct it or unset it.")
    return None if found is None else found.strip()


def install_psi4() -> None:
    """conda's newest where there is a conda that can, else Debian's."""
    by_hand = "install Psi4 by hand (https://psicode.org/installs/latest) and set REACTAL_PSI4 to its psi4 script."
    conda = next(filter(None, (shutil.which(name) for name in ("mamba", "micromamba", "conda"))), None)
    if conda:
        say(f"installing Psi4 from conda-forge into the environment {PSI4_ENVIRONMENT} (some minutes)")
        try:
            return run([conda, "create", "-y", "-q", "-n", PSI4_ENVIRONMENT, "-c", "conda-forge", "psi4"], mend=by_hand)
        except SetupError:
            say("conda could not install Psi4")
    if not apt_install("psi4", mend=f"this system's package sources have no Psi4; {by_hand}"):
        raise SetupError(f"Psi4 is not on this machine, and neither a working conda nor apt with root or sudo is: {by_hand}")
    return None


if __name__ == "__main__":
    sys.exit(main())
