"""What nvidia-smi says of GPUs, and a machine that has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from reactal.tracking.gpu import GpuUse, gpu_use


def answering(folder: Path, text: str, *, status: int = 0) -> str:
    """A PATH whose nvidia-smi says this."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncase $1 in --query-gpu=index,*) printf '{text}'; exit {status};; esac\nexit 9\n")
    program.chmod(0o755)
    return str(folder)


def test_what_it_says_is_read_gpu_by_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", answering(tmp_path, "0, 87, 1024, 81559\\n1, [N/A], [N/A], 81559\\n2, 0, 3, 4\\n"))
    assert gpu_use() == (GpuUse(0, 0.87, 1024 * 2**20, 81559 * 2**20), GpuUse(2, 0.0, 3 * 2**20, 4 * 2**20))


@pytest.mark.parametrize("status", [None, 9], ids=["no nvidia-smi", "a driver that does not answer"])
def test_without_a_gpu_there_is_nothing_to_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int | None) -> None:
    monkeypatch.setenv("PATH", str(tmp_path) if status is None else answering(tmp_path, "no devices", status=status))
    assert gpu_use() == ()
