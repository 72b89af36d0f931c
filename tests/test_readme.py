"""The README's commands and code do what it says, on a real reaction with the real program."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HCN = ROOT / "examples" / "reactions" / "hcn"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def block(language: str, word: str) -> str:
    """The one block of a language that holds this word."""
    found = [text for kind, text in BLOCKS if kind == language and word in text]
    assert len(found) == 1, f"{len(found)} blocks of {language} hold {word!r}"
    return found[0]


def test_make_knows_its_targets() -> None:
    for line in block("sh", "make run").splitlines():
        target = line.split("#")[0].split()[1]
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_links_lead_somewhere() -> None:
    places = [place for place in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in place]
    assert places
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_options_of_commands_exist() -> None:
    """Commands that are named in running text, with their options."""
    named = set(re.findall(r"`reactal ([a-z]+(?: --[a-z]+)?)", README))
    assert {"init --all", "label", "train", "predict", "dataset", "up", "deploy", "amend"} <= named
    for words in named:
        command, _, option = words.partition(" ")
        done = subprocess.run([_reactal(), command, "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, words
        assert option in done.stdout, words


@pytest.mark.psi4
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_your_own_reaction_from_the_two_ends(tmp_path: Path) -> None:
    shutil.copy(HCN / "reactant.xyz", tmp_path / "r.xyz")
    shutil.copy(HCN / "product.xyz", tmp_path / "p.xyz")
    for line in block("sh", "reactal init").splitlines():
        words = line.replace(".venv/bin/reactal", _reactal()).split()
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    folder = tmp_path / "my-reaction" / ".reactal" / "my-reaction"
    assert (folder / "report.html").is_file()
    assert (folder / "model" / "model.json").is_file()
    code = block("python", "reactal.Campaign") + "\nimport ase.io\natoms = ase.io.read('r.xyz')\n"
    code += "atoms.calc = calculator\none = atoms.get_potential_energy()\natoms.calc = again\n"
    code += "assert abs(one - atoms.get_potential_energy()) < 1e-6, 'the model in the folder is another one'\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _reactal() -> str:
    return str(Path(sys.executable).parent / "reactal")
