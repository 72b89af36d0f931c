"""Batch systems that really run jobs on this machine: Slurm on loopback, and a PBS of two commands."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.labeling.watching import until

SLURM_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue")
CPUS = 4  # more than there may be: Slurm is told to believe it
STOP_S = 20

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=8000 State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
CGROUPS = {False: "CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n", True: "CgroupPlugin=cgroup/v2\nIgnoreSystemd=yes\n"}
"""Slurm wants to know of the machine's, though nothing here limits a job by them; True: of the second version."""

QSUB = """#!{python}
import os, shutil, subprocess, sys, tempfile
descriptor, script = tempfile.mkstemp(suffix=".script", dir={folder!r})
shutil.copyfile(sys.argv[1], script)
log = open(os.path.join({folder!r}, "jobs.log"), "ab")
kept = {{name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}}
job = subprocess.Popen(["/bin/sh", script], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=kept, start_new_session=True)
print(f"{{job.pid}}.here")
"""
QDEL = """#!{python}
import os, signal, sys
os.killpg(int(sys.argv[1].partition(".")[0]), signal.SIGKILL)
"""


def missing_slurm() -> str | None:
    """Why Slurm cannot run here; None where it can."""
    missing = [name for name in SLURM_PROGRAMS if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")]
    if missing:
        return f"{' and '.join(missing)} not on PATH: apt-get install slurmctld slurmd slurm-client munge"
    return None if os.geteuid() == 0 else "Slurm's daemons need root"


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """One node of Slurm on loopback, with everything it writes in `folder`; yields the environment of its commands."""
    host = socket.gethostname().partition(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    (folder / "munge.key").write_bytes(os.urandom(64))
    (folder / "munge.key").chmod(0o600)
    ports = _free_ports(2)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(host=host, folder=folder, controller_port=ports[0], node_port=ports[1], cpus=CPUS)
    )
    (folder / "cgroup.conf").write_text(CGROUPS[Path("/sys/fs/cgroup/cgroup.controllers").exists()])
    environ = {"SLURM_CONF": str(configuration), "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    munge = [
        f"--{name}={folder}/munge.{name.partition('-')[0]}"
        for name in ("socket", "key-file", "pid-file", "log-file", "seed-file")
    ]
    with ExitStack() as stack:
        stack.enter_context(_daemon(["munged", "--foreground", "--force", *munge], folder, environ))
        until((folder / "munge.socket").exists, "munged")
        stack.enter_context(_daemon(["slurmctld", "-D", "-i", "-f", str(configuration)], folder, environ))
        stack.enter_context(_daemon(["slurmd", "-D", "-N", host, "-f", str(configuration)], folder, environ))
        until(lambda: "idle" in _said(["sinfo", "--noheader", "--format=%t"], environ), "a node of Slurm that takes jobs")
        stack.callback(_cancel_all, environ)
        yield environ


def slurm_jobs(environ: dict[str, str]) -> list[str]:
    """The numbers of the jobs that run."""
    return _said(["squeue", "--noheader", "--states=R", "--format=%i"], environ).split()


def _cancel_all(environ: dict[str, str]) -> None:
    _said(["scancel", "--state=PENDING"], environ)
    for job in slurm_jobs(environ):
        _said(["scancel", job], environ)
    until(lambda: not _said(["squeue", "--noheader"], environ).strip(), "the end of Slurm's jobs")


def _said(command: list[str], environ: dict[str, str]) -> str:
    return subprocess.run(command, env=os.environ | environ, capture_output=True, text=True).stdout


@contextmanager
def _daemon(command: list[str], folder: Path, environ: dict[str, str]) -> Iterator[None]:
    program = shutil.which(command[0], path=environ["PATH"])
    assert program, command[0]
    with (
        (folder / f"{command[0]}.out").open("wb") as output,
        subprocess.Popen([program, *command[1:]], stdout=output, stderr=output, env=os.environ | environ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def install_pbs(folder: Path) -> Path:
    """A folder for PATH with a qsub that runs a job's script at once, in an environment of its own as PBS does, and a qdel.

    The scripts are kept beside them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("qsub", QSUB), ("qdel", QDEL)):
        (folder / name).write_text(text.format(python=sys.executable, folder=str(folder)))
        (folder / name).chmod(0o755)
    return folder
