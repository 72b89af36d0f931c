"""Prefect's server as a child process: `python -m flows.server_process DESCRIPTOR` serves on a socket it inherits.

Ends when standard input does, which the system closes when the parent dies, however it dies.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading

__all__ = ["main"]

GRACE_SECONDS = 2


def main(descriptor: int) -> None:
    """Serve until the parent is gone or says so."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import uvicorn

    config = uvicorn.Config(
        "prefect.server.api.server:create_app",
        factory=True,
        log_level="warning",
        timeout_keep_alive=60,  # longer than Prefect's client keeps a connection, or it would write into a closed one
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(int(sys.argv[1]))
