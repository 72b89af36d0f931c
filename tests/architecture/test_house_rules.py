"""Rules of CONTRIBUTING.md that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = [
    path
    for name in subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT, check=True).stdout.split("\0")
    if name and (path := ROOT / name).is_file()
]
PACKAGES = ("reactal", "tasks", "flows")
SOURCES = [path for path in TRACKED if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES]

NAMELESS = re.compile(r"^_?(utils?|helpers?|common|misc)(\.py)?$")
"""Names under which anything fits, so that everything ends up there."""

MACHINE_PATH = re.compile(
    r"(?<![\w.:/-])/(?:root|work|home/\w+|Users/\w+|opt/(?!(?:conda|miniconda3|anaconda3)\b)\w+)(?=[/\s\"'`,;:)]|$)"
)
"""Folders of one person's machine. Conda's customary places in /opt are no one's in particular."""

FUNCTION_LINES = 60
"""The hard limit; half of it is the aim."""

UNPICKLERS = frozenset({"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"})

READS_PICKLES = frozenset({"torch.load", "load_from_checkpoint", "numpy.load", "np.load", "pandas.read_pickle", "pd.read_pickle"})
EXECUTES_TEXT = frozenset({"eval", "exec", "os.system", "os.popen"})


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a file with the dotted name of what is called."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield ast.unparse(node.func), node


def test_every_name_says_what_is_inside() -> None:
    parts = {(part, relative(path)) for path in TRACKED for part in path.relative_to(ROOT).parts}
    assert [name for part, name in sorted(parts) if NAMELESS.match(part)] == []


def text_of(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError:  # a binary fixture or figure
        return ""


def test_no_path_of_one_machine() -> None:
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in TRACKED
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]
    assert found == [], "write paths relative to the repository, or take them as settings"


def test_the_pattern_of_machine_paths_finds_them() -> None:
    someone = ("home", "ada")  # in pieces, or this file would be found too
    assert MACHINE_PATH.search(f"store: /{'/'.join(someone)}/campaign")
    assert MACHINE_PATH.search(f'"/{"ro" + "ot"}"')
    assert not MACHINE_PATH.search("https://example.org/work/ and .cache/work/x and /opt/conda/bin")


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_nothing_stored_is_unpickled_and_no_text_is_executed(path: Path) -> None:
    for name, call in calls(path):
        where = f"{relative(path)}:{call.lineno}"
        settings = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert name not in EXECUTES_TEXT, f"{where} executes text with {name}"
        assert settings.get("shell") in (None, "False"), f"{where} starts a shell"
        if any(name == reader or name.endswith(f".{reader}") for reader in READS_PICKLES):
            safe = settings.get("weights_only") == "True" or (
                name.endswith("np.load") and settings.get("allow_pickle") == "False"
            )
            assert safe, f"{where} may unpickle with {name}"
        assert "loads" not in name or name.partition(".")[0] not in UNPICKLERS, f"{where} unpickles with {name}"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_import_of_picklers(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        assert UNPICKLERS.isdisjoint(name.partition(".")[0] for name in names), f"{relative(path)}:{getattr(node, 'lineno', 0)}"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_functions_are_short(path: Path) -> None:
    functions = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions if node.end_lineno}
    assert {name: lines for name, lines in long.items() if lines > FUNCTION_LINES} == {}, relative(path)
