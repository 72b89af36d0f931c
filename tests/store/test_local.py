"""The folder store under kills, full disks and folders that cannot be written."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from reactal.errors import ObjectNotFound, StoreUnavailable
from reactal.store.local import ABANDONED_AFTER_S, TEMPORARY, LocalStore
from tests.store.s3_servers import wait_until

MIB = 1 << 20
NOBODY = 65534
MEND = "(the disk is full; free some space|the object is larger than this process)"


def test_nothing_is_made_before_the_first_write(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "new")
    assert list(store.list("")) == []
    with pytest.raises(ObjectNotFound):
        store.get("key")
    assert not (tmp_path / "new").exists()


def test_no_temporary_file_outlives_a_write(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a", b"1")
    store.put_if_absent("b", b"2")
    store.put_if_absent("b", b"3")
    assert list((tmp_path / TEMPORARY).iterdir()) == []


@pytest.mark.parametrize("hard_links", [True, False])
def test_bytes_are_on_the_disk_before_the_key_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool) -> None:
    order: list[str] = []

    def sync(descriptor: int) -> None:
        synced = Path(f"/proc/self/fd/{descriptor}").readlink()
        named = (tmp_path / "new/key").exists()
        order.append(f"{'folder' if synced.is_dir() else 'file'}, {'named' if named else 'unnamed'}")
        real_sync(descriptor)

    real_sync = os.fsync
    monkeypatch.setattr(os, "fsync", sync)
    store = LocalStore(tmp_path, hard_links=hard_links)
    for write in (store.put, store.put_if_absent):
        order.clear()
        write("new/key", b"data")
        assert "file, unnamed" in order
        assert order[-1] == "folder, named"
        (tmp_path / "new/key").unlink()


def test_a_writer_killed_in_the_middle_leaves_no_part_of_an_object(tmp_path: Path) -> None:
    """Killed again and again until a kill is seen to have cut a write; every object that can be seen is whole."""
    temporary = tmp_path / TEMPORARY
    for round_ in range(20):
        writer = multiprocessing.get_context("spawn").Process(target=_write_for_ever, args=(str(tmp_path), round_), daemon=True)
        writer.start()
        try:
            wait_until(lambda: any(_size(file) for file in temporary.glob("*")), "a write is under way")
        finally:
            writer.kill()  # SIGKILL
            writer.join()
        store = LocalStore(tmp_path)
        for key in list(store.list("")):
            data = store.get(key)
            assert data[:32].hex() == sha256(data[32:]).hexdigest(), key
            store.delete(key)
        left = [file for file in temporary.iterdir() if _size(file) > 0]
        if left:
            assert not any(TEMPORARY in key for key in store.list(""))
            return
    pytest.fail("no kill came in the middle of a write")


def test_what_killed_writers_leave_is_swept_when_it_is_old(tmp_path: Path) -> None:
    now = time.time()
    (tmp_path / TEMPORARY).mkdir()
    for name, age in (("old", ABANDONED_AFTER_S + 60), ("young", ABANDONED_AFTER_S - 60)):
        (tmp_path / TEMPORARY / name).write_bytes(b"half an obj")
        os.utime(tmp_path / TEMPORARY / name, (now - age, now - age))
    store = LocalStore(tmp_path)
    assert list(store.list("")) == []
    store.put("key", b"")
    assert [file.name for file in (tmp_path / TEMPORARY).iterdir()] == ["young"]
    assert store.sweep(now + 120) == 1


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with _full_disk(tmp_path) as folder:
        store = LocalStore(folder)
        store.put("small", b"kept")
        for write in (store.put, store.put_if_absent):
            with pytest.raises(StoreUnavailable, match=f"object large cannot be written in file://{folder} .*{MEND}"):
                write("large", bytes(4 * MIB))
        with pytest.raises(StoreUnavailable):
            store.put("small", bytes(4 * MIB))
        assert list(store.list("")) == ["small"]
        assert store.get("small") == b"kept"
        assert list((folder / TEMPORARY).iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with _not_root(), pytest.raises(StoreUnavailable, match=r"cannot be written.*change its permissions or choose another store"):
        LocalStore(tmp_path / "store").put("key", b"")
    tmp_path.chmod(0o755)
    assert not (tmp_path / "store").exists()


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="a file is where a folder is needed"):
        LocalStore(tmp_path / "file").put("key", b"")
    store = LocalStore(tmp_path)
    with pytest.raises(StoreUnavailable, match="a file is where a folder is needed"):
        store.put_if_absent("file/key", b"")
    store.put("folder/key", b"")
    for write in (store.put, store.put_if_absent):
        with pytest.raises(StoreUnavailable, match="a folder is where a file is needed"):
            write("folder", b"")


def test_a_file_system_without_hard_links_is_refused_or_used_by_one_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")  # what FAT answers

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(StoreUnavailable, match=r"no hard links.*single_writer: true"):
        LocalStore(tmp_path).put_if_absent("key", b"")
    store = LocalStore(tmp_path, hard_links=False)
    assert [store.put_if_absent("key", b"1"), store.put_if_absent("key", b"2")] == [True, False]


def test_foreign_files_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / "no key").write_bytes(b"")
    (tmp_path / "folder with spaces").mkdir()
    (tmp_path / "folder with spaces" / "key").write_bytes(b"")
    LocalStore(tmp_path).put("key", b"")
    assert list(LocalStore(tmp_path).list("")) == ["key"]


def _write_for_ever(folder: str, round_: int) -> None:
    store = LocalStore(folder)
    for number in range(100):
        body = os.urandom(16 * MIB)
        store.put_if_absent(f"{round_}/{number}", sha256(body).digest() + body)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def _full_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MiB where this process may mount one, else a limit on the size of its files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0:
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, before[1]))
    try:
        yield folder
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@contextmanager
def _not_root() -> Iterator[None]:
    """Root may write everywhere, so for a while be nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
