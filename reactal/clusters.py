"""The campaign file's section of the cluster: where labels and training run. Nothing in it changes a number."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from reactal.errors import ConfigError

__all__ = [
    "Cluster",
    "ClusterAddress",
    "JobCluster",
    "KubernetesCluster",
    "LocalCluster",
    "NoCluster",
    "Range",
    "read_cluster",
    "refuse_unknown_words",
]

Count = Annotated[int, Field(ge=1)]
Minutes = Annotated[float, Field(gt=0.0)]
Memory = Annotated[str, Field(pattern=r"^[1-9]\d*(\.\d+)? ?([MGT]i?B)$")]
WallTime = Annotated[str, Field(pattern=r"^\d{1,3}:[0-5]\d:[0-5]\d$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@:+/-]*$")]
"""Stands in a job script, which a shell reads: nothing that a shell would take for more than a word."""
Directive = Annotated[str, Field(pattern=r"^-[^\r\n\x00]*$")]
"""One comment line of a job script: a second line would be a command."""
KubernetesName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Range(_Section):
    """How many there are at any time: `least` without work, never more than `most`."""

    least: Annotated[int, Field(ge=0)] = 0
    most: Count

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least > self.most:
            raise ValueError(f"least ({self.least}) is more than most ({self.most})")
        return self


class LocalCluster(_Section):
    """Worker processes of this machine, as many as `resources.slots`, or as the work asks for."""

    kind: Literal["local"]
    # neither is written where it is not set, so that files without them stay what they were
    workers: Range | None = Field(default=None, exclude_if=lambda value: value is None)
    memory: Memory | None = Field(default=None, exclude_if=lambda value: value is None)
    """Of one worker, which is replaced when it has used it up; what a label's program uses is limited by `resources`."""


class ClusterAddress(_Section):
    kind: Literal["address"]
    address: str


class NoCluster(_Section):
    kind: Literal["none"]


class _Growing(_Section):
    wait_minutes: Minutes = 60.0
    """For the first worker: how long it may stand in the queue."""


class JobCluster(_Growing):
    """Workers are jobs of a batch system, each with a slot for every `resources.threads` of its cores."""

    kind: Literal["slurm", "pbs"]
    cores: Count
    """Of one job."""
    memory: Memory
    """Of one job."""
    walltime: WallTime
    """Of one job, hours:minutes:seconds."""
    queue: Word | None = None
    """Slurm calls it partition."""
    project: Word | None = None
    """Whom it is charged to; the batch systems call it account."""
    interface: Word | None = None
    """The network on which this machine and the nodes see each other, ib0 for instance."""
    jobs: Range
    directives: tuple[Directive, ...] = ()
    """More options of the batch system, a line of the job script each."""
    idle_minutes: Minutes = 10.0
    """How long a job is kept without work."""

    @property
    def walltime_s(self) -> int:
        hours, minutes, seconds = map(int, self.walltime.split(":"))
        return 3600 * hours + 60 * minutes + seconds


class KubernetesCluster(_Growing):
    """Workers are pods that Dask's operator starts, one slot each."""

    kind: Literal["kubernetes"]
    image: Annotated[str, Field(pattern=r"^\S+$")]
    """Has reactal, Psi4 and the same versions of Dask as here."""
    namespace: KubernetesName = "default"
    cores: Count = 1
    """Of one worker."""
    memory: Memory = "2 GiB"
    """Of one worker."""
    workers: Range
    secret: KubernetesName | None = None
    """A secret of that namespace whose keys are environment variables of the workers: AWS_ACCESS_KEY_ID and the like."""


Cluster = Annotated[LocalCluster | ClusterAddress | NoCluster | JobCluster | KubernetesCluster, Field(discriminator="kind")]
_READ: TypeAdapter[Cluster] = TypeAdapter(Cluster)

_KINDS: dict[str, type[_Section]] = {
    "local": LocalCluster,
    "address": ClusterAddress,
    "none": NoCluster,
    "slurm": JobCluster,
    "pbs": JobCluster,
    "kubernetes": KubernetesCluster,
}


def refuse_unknown_words(section: Mapping[str, Any], source: str) -> None:
    """`ConfigError` for a kind or key that there is not, with the nearest that there is."""
    kind = str(section.get("kind"))
    if kind not in _KINDS:
        raise ConfigError(f"{source}: unknown cluster.kind {kind}; {_nearest(kind, _KINDS, '')}")
    fields = _KINDS[kind].model_fields
    for key, value in section.items():
        if key not in fields:
            raise ConfigError(f"{source}: unknown key cluster.{key}; {_nearest(key, fields, 'cluster.')}")
        if fields[key].annotation in (Range, Range | None) and isinstance(value, Mapping):
            for name in set(value) - set(Range.model_fields):
                near = _nearest(name, Range.model_fields, f"cluster.{key}.")
                raise ConfigError(f"{source}: unknown key cluster.{key}.{name}; {near}")


def _nearest(word: str, among: Mapping[str, Any], prefix: str) -> str:
    near = difflib.get_close_matches(str(word), list(among), n=1)
    return f"did you mean {prefix}{near[0]}?" if near else f"known are: {', '.join(among)}"


def read_cluster(file: Path) -> Cluster:
    """The section `cluster` of a campaign file, or of a file that holds nothing else."""
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{file} is not readable YAML: {' '.join(str(error).split())}") from error
    section = tree.get("cluster") if isinstance(tree, Mapping) else None
    if not isinstance(section, Mapping):
        raise ConfigError(f"{file} has no section `cluster:`; for example `cluster: {{kind: local}}`")
    refuse_unknown_words(section, str(file))
    try:
        return _READ.validate_python(section)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("cluster", *first["loc"][1:])))
        raise ConfigError(f"{file}: {place}: {first['msg']} (given: {str(first.get('input'))[:60]})") from error
