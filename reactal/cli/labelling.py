"""What `reactal label` and `reactal labels` share: a pool of slots, and the count of what comes out of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from reactal.cli.output import announce, duration

if TYPE_CHECKING:
    from reactal.chem import Label, LabelFailure, Structure, Theory
    from reactal.labeling.base import LabelingResources, LabelPool
    from reactal.progress import Progress
    from reactal.store.objects import ObjectStore

__all__ = ["ClusterOption", "SlotsOption", "Tally", "TimeoutOption", "label_all", "open_pool", "tell_failures"]

SHOWN_FAILURES = 5
SlotsOption = Annotated[int, typer.Option(min=0, help="Programs side by side; 0: one for each core.")]
TimeoutOption = Annotated[float, typer.Option(min=1, help="Seconds after which a label is given up.")]
ClusterOption = Annotated[
    str,
    typer.Option(
        metavar="WHERE",
        help="none (threads of this process), local (Dask on this machine), tcp://host:port, or a YAML file with a section "
        "`cluster:`, a campaign file for instance; its `resources:` (classes of slots, memory) count, too.",
    ),
]


@final
@dataclass
class Tally:
    """What has come of `total` structures so far."""

    total: int
    began: float
    answers: dict[int, Label | LabelFailure] = field(default_factory=dict)
    reused: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def computed(self) -> int:
        return len(self.answers) - self.reused - self.failures.total()

    def seconds_left(self, now: float) -> float | None:
        """At the pace of what was computed; None while nothing was."""
        done = len(self.answers) - self.reused
        return (now - self.began) / done * (self.total - len(self.answers)) if done else None

    def per_minute(self, now: float) -> float:
        """Calculations a minute, those that failed among them."""
        return 60 * (len(self.answers) - self.reused) / max(now - self.began, 1e-9)

    def facts(self, now: float) -> dict[str, str | int | float]:
        """What the progress line says."""
        facts: dict[str, str | int | float] = {"failed": self.failures.total(), "reused": self.reused, **self.failures}
        if (left := self.seconds_left(now)) is not None:
            facts |= {"a minute": self.per_minute(now), "left": duration(left)}
        return facts

    def as_json(self, now: float) -> dict[str, Any]:
        counts = {"computed": self.computed, "reused": self.reused, "failures": dict(self.failures)}
        return {**counts, "labels_a_minute": self.per_minute(now), "seconds": now - self.began}

    def failed(self) -> dict[int, LabelFailure]:
        """By index, ascending."""
        from reactal.chem import LabelFailure

        return {index: answer for index, answer in sorted(self.answers.items()) if isinstance(answer, LabelFailure)}

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.failures.most_common())
        return f"{self.computed} computed, {self.reused} reused, {self.failures.total()} failed" + (
            f" ({kinds})" if kinds else ""
        )


def label_all(structures: Sequence[Structure], pool: LabelPool, theory: Theory, shown: Progress) -> Tally:
    """Label them, telling `shown` how it goes."""
    from reactal.chem import LabelFailure

    tally = Tally(len(structures), time.monotonic())
    shown.begin("label", total=len(structures))
    for outcome in pool.label(structures, theory=theory):
        tally.answers[outcome.index] = outcome.answer
        if isinstance(outcome.answer, LabelFailure):
            tally.failures[str(outcome.answer.kind)] += 1
        else:
            tally.reused += outcome.reused
        shown.update(len(tally.answers), tally.facts(time.monotonic()))
    shown.end(str(tally))
    return tally


def tell_failures(failures: dict[int, LabelFailure]) -> None:
    """The first of them, for people."""
    for index, failure in list(failures.items())[:SHOWN_FAILURES]:
        announce(f"geometry {index + 1}: {failure.kind}: {' '.join(failure.message.split())}")
    if len(failures) > SHOWN_FAILURES:
        announce(f"and {len(failures) - SHOWN_FAILURES} more; `reactal labels failed` lists them")


@contextmanager
def open_pool(objects: ObjectStore, theory: Theory, resources: LabelingResources, *, cluster: str) -> Iterator[LabelPool]:
    """Slots on `cluster`, given back at the end."""
    from reactal.clusters import Cluster, ClusterAddress, LocalCluster, NoCluster, read_cluster
    from reactal.labeling.connection import connect_section, growth_of, require_cluster
    from reactal.labeling.dask_pool import DaskLabelPool
    from reactal.labeling.pool import LocalLabelPool
    from reactal.store.labels import LabelStore

    named: dict[str, Cluster] = {"none": NoCluster(kind="none"), "local": LocalCluster(kind="local")}
    file, folder = Path(cluster), Path.cwd() / ".reactal" / "jobs"
    at = ClusterAddress(kind="address", address=cluster)
    section = named.get(cluster, at)
    if file.suffix in (".yaml", ".yml"):
        section, resources = read_cluster(file), _with_those_of(file, resources)
    require_cluster(section, resources)
    with connect_section(section, resources, folder) as client:
        pool: LabelPool = (
            DaskLabelPool(client, objects.url, theory, resources, growth=growth_of(section, resources, folder))
            if client is not None
            else LocalLabelPool(LabelStore(objects), theory, resources)
        )
        try:
            yield pool
        finally:
            pool.close()


def _with_those_of(file: Path, options: LabelingResources) -> LabelingResources:
    """What the section `resources` of a file says that has been read before; slots and time from the command line go first."""
    import yaml
    from pydantic import ValidationError

    from reactal.assembly import labeling_resources
    from reactal.config import defaults
    from reactal.errors import ConfigError
    from reactal.labeling.base import LabelingResources as Given
    from reactal.resources import Resources

    section = yaml.safe_load(file.read_text(encoding="utf-8")).get("resources") or {}
    try:
        found = labeling_resources(Resources.model_validate(defaults()["resources"] | dict(section)))
    except (ValidationError, TypeError, ValueError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "it holds keys and values"}
        place = ".".join(map(str, ("resources", *first["loc"])))
        raise ConfigError(f"{file}: {place}: {first['msg']}") from error
    seconds = options.timeout_seconds if options.timeout_seconds != Given().timeout_seconds else found.timeout_seconds
    return replace(found, slots=options.slots or found.slots, timeout_seconds=seconds)
