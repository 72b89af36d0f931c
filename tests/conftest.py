"""Order, skips and shared fixtures of the whole suite."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# how long an example takes says nothing about what is true of it
hypothesis.settings.register_profile("reactal", deadline=None, max_examples=60)
hypothesis.settings.load_profile("reactal")

TESTS = Path(__file__).parent

FIRST = ("architecture", "chem", "store", "campaign")
LAST = ("contracts", "physics", "flows", "faults")

IN_CI = os.environ.get("REACTAL_CI") == "1"
"""In continuous integration every program is there: a skip is a failure."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast folders first and `slow` tests last within each, so that a mistake shows within seconds."""
    items.sort(key=lambda item: (_rank(item.path), item.get_closest_marker("slow") is not None))


def _rank(path: Path) -> int:
    folder = path.relative_to(TESTS).parts[0] if path.is_relative_to(TESTS) else ""
    if folder in FIRST:
        return FIRST.index(folder)
    return len(FIRST) + (LAST.index(folder) + 1 if folder in LAST else 0)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip by name where a program is missing on a user's machine."""
    for marker, missing in (("psi4", missing_psi4), ("browser", missing_browser), ("gpu", missing_gpu)):
        if item.get_closest_marker(marker) and (reason := missing()):
            pytest.skip(reason)


def missing_psi4() -> str | None:
    """Why tests marked `psi4` cannot run; None where they can."""
    from reactal.errors import LabelerUnavailable
    from reactal.labeling.locate import find_psi4

    try:
        find_psi4()
    except LabelerUnavailable as error:
        return str(error)
    return None


def missing_browser() -> str | None:
    """Why tests marked `browser` cannot run; None where they can."""
    wanted = (("chromium", "chromium-browser", "google-chrome"), ("chromedriver",))
    missing = [names[0] for names in wanted if not any(map(shutil.which, names))]
    return f"{' and '.join(missing)} not on PATH: apt-get install chromium chromium-driver" if missing else None


def missing_gpu() -> str | None:
    """Why tests marked `gpu` cannot run; None where they can."""
    from reactal.potentials.device import gpus

    return None if gpus() else "no NVIDIA GPU that torch can use"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where nothing may skip, a skipped test counts as failed; but a GPU is no program that could have been installed."""
    report = yield
    without_gpu = item.get_closest_marker("gpu") is not None and missing_gpu() is not None
    return report if without_gpu else _no_skip_in_ci(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Likewise for a file that skips itself while it is collected."""
    return _no_skip_in_ci((yield))


def _no_skip_in_ci(report: Any) -> Any:
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"nothing may skip when REACTAL_CI=1: {report.longrepr}"
    return report
