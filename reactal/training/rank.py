"""A process that trains a member together with the one that started it: `python -m reactal.training.rank FILE_DESCRIPTOR`."""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection

from reactal.errors import ReactalError
from reactal.training.member import run_rank

__all__ = ["main"]


def main() -> None:
    with Connection(int(sys.argv[1]), writable=False) as connection:
        job, world = connection.recv()
    try:
        run_rank(job, world)
    except (ReactalError, RuntimeError) as error:
        sys.exit(f"process {world.rank} of {world.size}: {error}")  # the first process says what it means


if __name__ == "__main__":
    main()
