"""Who may import whom, and what an import may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCIENCE = sorted(path for path in (ROOT / "reactal").rglob("*.py") if path.relative_to(ROOT).parts[1] != "cli")

HEAVY = frozenset(
    {"ase", "boto3", "dask", "distributed", "lightning", "matplotlib", "mlflow", "networkx", "pandas", "prefect", "pyarrow"}
    | {"pytorch_lightning", "schnetpack", "scipy", "sklearn", "torch"}
)
"""Packages that take a noticeable time to import: they load when first needed."""

LIGHT_MODULES = [
    "reactal",
    "reactal.cli",
    "reactal.cli.main",
    "reactal.config",
    "reactal.errors",
    "reactal.campaign",
    "reactal.doctor",
]


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_layers_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-logo", "--no-cache"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", SCIENCE, ids=lambda path: str(path.relative_to(ROOT)))
def test_science_knows_no_workflow_engine(path: Path) -> None:
    workflow = {name for name in imported(path) if name.partition(".")[0] in {"prefect", "prefect_dask", "flows", "tasks"}}
    assert not workflow, f"{path.relative_to(ROOT)} imports {', '.join(sorted(workflow))}; only reactal/cli, tasks and flows may"


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_import_stays_light(module: str) -> None:
    code = f"import {module}, sys; print(*sorted(set({sorted(HEAVY)}) & {{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "", f"`import {module}` loads {done.stdout.strip()}"


def test_help_loads_nothing_heavy() -> None:
    """`reactal --help` answers at once: what it loads is asked, since a time would depend on the machine."""
    code = (
        "import sys\nfrom reactal.cli.main import main\nsys.argv = ['reactal', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('loaded:', *sorted(set({sorted(HEAVY)}) & {{name.partition('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "loaded:"
