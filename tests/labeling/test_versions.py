"""A cluster of other versions is refused with what differs and where."""

from __future__ import annotations

from typing import Any

import pytest
from distributed import Client, versions

from reactal.errors import LabelerUnavailable
from reactal.labeling.cluster import local_cluster
from reactal.labeling.versions import differences, require_same_versions

MINE = {"python": "3.11.2.final.0", "distributed": "2026.8.0", "numpy": "2.2.0", "reactal": "0.1.0"}


def told(**workers: dict[str, str | None]) -> dict[str, Any]:
    return {
        "client": {"packages": MINE},
        "scheduler": {"packages": MINE | {"reactal": None}},
        "workers": {address: {"packages": MINE | packages} for address, packages in workers.items()},
    }


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        ({}, []),
        ({"python": "3.11.9.final.0"}, []),
        ({"python": "3.12.1.final.0"}, ["python 3.12 on worker a, 3.11 here"]),
        ({"distributed": "2025.1.0"}, ["distributed 2025.1.0 on worker a, 2026.8.0 here"]),
        ({"reactal": None}, ["reactal is missing on worker a, 0.1.0 here"]),
        ({"tornado": "1"}, []),
    ],
)
def test_what_differs_and_where(packages: dict[str, str | None], said: list[str]) -> None:
    assert list(differences(told(a=packages))) == said


def test_many_alike_are_said_once() -> None:
    packages = {name: {"numpy": "1.26"} for name in "abc"} | {"d": {"numpy": "2.0"}}
    assert list(differences(told(**packages))) == [
        "numpy 1.26 on worker a and 2 more, 2.2.0 here",
        "numpy 2.0 on worker d, 2.2.0 here",
    ]


@pytest.mark.slow
def test_a_real_cluster_agrees_until_something_else_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    found = versions._version_cached
    with local_cluster(1) as cluster, Client(cluster, set_as_default=False) as client:
        require_same_versions(client)
        monkeypatch.setattr(versions, "_version_cached", lambda name: "9.9.9" if name == "reactal" else found(name))
        with pytest.raises(LabelerUnavailable, match=r"reactal 0\.\S+ on .*, 9\.9\.9 here; install the same there"):
            require_same_versions(client)
