"""Objects as files of a folder, safe against kills, power cuts and several writers at once."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import final
from urllib.parse import quote
from uuid import uuid4

from reactal.errors import ObjectNotFound, StoreUnavailable
from reactal.store.keys import check_key, check_prefix, is_key

__all__ = ["LocalStore"]

TEMPORARY = "~tmp"  # `~` is in no key, so a half-written file can be neither read nor listed
ABANDONED_AFTER_S = 3600.0  # a temporary file untouched for this long has lost its writer

_MENDS = {
    errno.ENOSPC: "the disk is full; free some space or choose another store",
    errno.EDQUOT: "the quota is used up; free some space or choose another store",
    errno.EFBIG: "the object is larger than this process or file system may write",
    errno.EACCES: "the folder cannot be written; change its permissions or choose another store",
    errno.EPERM: "the folder cannot be written; change its permissions or choose another store",
    errno.EROFS: "the file system is read-only; choose another store",
    errno.EEXIST: "a file is where a folder is needed; choose another store",
    errno.ENOTDIR: "a file is where a folder is needed; choose another store",
    errno.EISDIR: "a folder is where a file is needed; choose another store",
}
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@final
class LocalStore:
    """An `ObjectStore` in a folder, which the first write makes.

    A file appears under its key by link or rename once its bytes are on the disk, so a key holds all of an object or
    nothing. `hard_links=False` is for file systems without them, where only one process may write.
    """

    def __init__(self, root: str | os.PathLike[str], *, hard_links: bool = True) -> None:
        self.root = Path(root).expanduser().absolute()
        self.url = f"file://{quote(str(self.root))}"
        self._hard_links = hard_links
        self._swept = False

    def get(self, key: str) -> bytes:
        path = self.root / check_key(key)
        with self._explained(f"object {key} cannot be read"):
            try:
                return path.read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                raise ObjectNotFound(f"no object {key} in {self.url}") from None

    def put(self, key: str, data: bytes) -> None:
        path = self.root / check_key(key)
        with self._explained(f"object {key} cannot be written"), self._written(data) as temporary:
            _make_folder(path.parent)
            temporary.replace(path)
            _sync_folder(path.parent)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        path = self.root / check_key(key)
        with self._explained(f"object {key} cannot be written"):
            if path.is_file():  # spares writing the bytes; the link below is what decides
                return False
            if not self._hard_links:
                self.put(key, data)
                return True
            with self._written(data) as temporary:
                return self._linked(temporary, path)

    def list(self, prefix: str) -> Iterator[str]:
        folder = check_prefix(prefix).rpartition("/")[0]
        return (key for key in self._walk(folder) if key.startswith(prefix))

    def delete(self, key: str) -> None:
        path = self.root / check_key(key)
        with self._explained(f"object {key} cannot be removed"), suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()

    def sweep(self, now: float) -> int:
        """Remove what killed writers left behind, `now` being the Unix time in seconds; how many files that were."""
        removed = 0
        with suppress(FileNotFoundError):
            for path in (self.root / TEMPORARY).iterdir():
                with suppress(FileNotFoundError):  # another process sweeps too
                    if now - path.stat().st_mtime > ABANDONED_AFTER_S:
                        path.unlink()
                        removed += 1
        return removed

    def _walk(self, folder: str) -> Iterator[str]:
        """Every key under `folder`, ascending: a folder sorts as its name with the slash, as its keys do."""
        with self._explained(f"folder {folder or '.'} cannot be listed"):
            try:
                with os.scandir(self.root / folder) as entries:
                    names = sorted(entry.name + "/" * entry.is_dir() for entry in entries)
            except (FileNotFoundError, NotADirectoryError):
                return
        for name in names:
            key = f"{folder}/{name}" if folder else name
            if not is_key(key.rstrip("/")):
                continue
            if name.endswith("/"):
                yield from self._walk(key.rstrip("/"))
            else:
                yield key

    @contextmanager
    def _written(self, data: bytes) -> Iterator[Path]:
        """A temporary file with these bytes on the disk; removed at the end if it is still there."""
        folder = self.root / TEMPORARY
        _make_folder(folder)
        if not self._swept:
            self._swept = True
            self.sweep(time.time())
        temporary = folder / uuid4().hex
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            mend = _MENDS.get(error.errno or 0, "check the disk and its mount")
            raise StoreUnavailable(f"{what} in {self.url} ({error.strerror or error}): {mend}") from error

    def _linked(self, temporary: Path, path: Path) -> bool:
        """Give the file its name unless the name is taken; the file system lets exactly one writer do so."""
        _make_folder(path.parent)
        try:
            os.link(temporary, path)
        except FileExistsError:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
            return False
        except OSError as error:
            raise self._without_links(error) from error
        _sync_folder(path.parent)
        return True

    def _without_links(self, error: OSError) -> OSError | StoreUnavailable:
        if error.errno not in _NO_HARD_LINKS:
            return error
        return StoreUnavailable(
            f"the file system of {self.url} has no hard links, so two writers could overwrite each other; choose "
            "another folder, or set `single_writer: true` if only one process writes"
        )


def _make_folder(folder: Path) -> None:
    """As `mkdir -p`, with every new folder's own entry on the disk."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)
