"""Whether scheduler and workers of a Dask cluster have what this process has: they exchange Python objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reactal.errors import LabelerUnavailable

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["differences", "require_same_versions"]

MUST_AGREE = ("python", "dask", "distributed", "msgpack", "cloudpickle", "numpy", "reactal")
"""What reads and writes the objects that travel, and what is in them. Other packages may differ."""
SHOWN = 4


def require_same_versions(client: Client) -> None:
    """`LabelerUnavailable` says what differs, and where. Asked of those that are there now."""
    told: Any = client.get_versions(check=False, packages=["reactal"])  # of a client that is not asynchronous: no coroutine
    found = list(differences(told))
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise LabelerUnavailable(
            f"the Dask cluster has other versions than this process: {'; '.join(found[:SHOWN])}{more}; "
            "install the same there, or start it from the same environment or image"
        )


def differences(versions: Mapping[str, Any]) -> Iterator[str]:
    """Of what `Client.get_versions` answers, a sentence for each version that is another, with those who have it."""
    mine = _packages(versions["client"])
    others = {f"worker {address}": _packages(told) for address, told in versions["workers"].items()}
    if versions["scheduler"]:
        others["scheduler"] = _packages(versions["scheduler"])
    for package in MUST_AGREE:
        having: dict[str | None, list[str]] = {}
        for who, packages in sorted(others.items()):
            having.setdefault(packages.get(package), []).append(who)
        for version, those in having.items():
            # a scheduler needs no reactal: it opens nothing
            those = [who for who in those if not (who == "scheduler" and package == "reactal" and version is None)]
            if version != mine.get(package) and those:
                yield f"{package} {version or 'is missing'} on {_names(those)}, {mine.get(package) or 'none'} here"


def _packages(told: Mapping[str, Any] | None) -> dict[str, str | None]:
    """By name. Of Python itself only what changes its bytecode counts."""
    if told is None:
        return {}
    packages = dict(told["packages"])
    packages["python"] = ".".join(str(packages.get("python", "")).split(".")[:2])
    return packages


def _names(those: list[str]) -> str:
    return those[0] if len(those) == 1 else f"{those[0]} and {len(those) - 1} more"
