"""Ports of loopback for the servers of tests."""

from __future__ import annotations

import socket

__all__ = ["free_port"]


def free_port() -> int:
    """One that nobody has now; nothing keeps it until it is bound."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
