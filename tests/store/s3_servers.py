"""Real HTTP servers that speak S3 on loopback: moto's, rclone's, and a proxy that loses, cuts and refuses answers."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
from werkzeug.serving import make_server

from tests.ports import free_port

ACCESS, SECRET = "AKIAREACTALTESTS0001", "reactal/tests/secret/reactal/tests/0001"
DEADLINE_S = 30.0


@dataclass(frozen=True)
class S3Server:
    """A running server."""

    endpoint: str

    def new_bucket(self) -> str:
        """The URL of an empty bucket."""
        name = f"bucket-{uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return f"s3://{name}/some/prefix?endpoint={self.endpoint}"

    def client(self):
        return boto3.client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id=ACCESS, aws_secret_access_key=SECRET, region_name="us-east-1"
        )


class _Atomic:
    """moto looks whether the object exists and then writes it in two steps; S3 does so in one."""

    def __init__(self, app: Callable) -> None:
        self._app, self._lock = app, Lock()

    def __call__(self, environ: dict, start_response: Callable) -> list[bytes]:
        with self._lock:
            return list(self._app(environ, start_response))


@contextmanager
def credentials() -> Iterator[None]:
    """In the environment, for programs that are no tests."""
    with environment({"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_EC2_METADATA_DISABLED": "true"}):
        yield


@contextmanager
def environment(mine: Mapping[str, str]) -> Iterator[None]:
    """These variables, until it ends."""
    before = {name: os.environ.get(name) for name in mine}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


@contextmanager
def moto_server() -> Iterator[S3Server]:
    """AWS's behaviour in memory, conditional writes included; any credentials will do."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

    class Quiet(MotoRequestHandler):
        def log_request(self, code: object = "-", size: object = "-") -> None:
            """pytest shows what failed; a line for each request hides it."""

    app = _Atomic(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    with _serving(server):
        yield S3Server(f"http://127.0.0.1:{server.server_port}")


@contextmanager
def rclone_server(folder: Path) -> Iterator[S3Server]:
    """A disk-backed server that checks credentials and clocks and ignores If-None-Match."""
    port = free_port()
    program = shutil.which("rclone") or str(Path(sys.executable).parent / "rclone")
    command = [
        program,
        "serve",
        "s3",
        "--auth-key",
        f"{ACCESS},{SECRET}",
        "--addr",
        f"127.0.0.1:{port}",
        "--config",
        "",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(port), f"rclone listens on {port}")
        yield S3Server(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


FAULTS = ("lose", "503 SlowDown", "drop", "slow", "500 InternalError", "cut")
SLOW_S = 0.5


@dataclass
class Proxy:
    """Stands before a server and does to the next requests what `plan` says, then nothing.

    A step is (method, what): `lose` the answer, `drop` the request, `cut` the answer's body, take the `condition` out of the
    request, or answer with a code such as `503 SlowDown` without asking the server. Requests of other methods pass until the
    step's method comes.

    `every` n-th request meets the next of `FAULTS`; writes whose path matches `refuses` get no other answer than 503; nothing
    is answered while it is `away`, and everything `delay` seconds late. Of uploads in parts the answers to the next `torn`
    requests are lost, and `at_part` is called once when a part has arrived, before that is answered.
    """

    endpoint: str
    plan: list[tuple[str, str]] = field(default_factory=list)
    every: int = 0
    refuses: str = ""
    away: bool = False
    delay: float = 0.0
    torn: int = 0
    at_part: Callable[[], None] | None = None
    seen: list[str] = field(default_factory=list)
    faults: int = 0
    lock: Lock = field(default_factory=Lock)

    def next_fault(self, method: str, path: str) -> str:
        with self.lock:
            self.seen.append(method)
            if self.away:
                return "drop"
            if self.refuses and method == "PUT" and re.search(self.refuses, path):
                return "503 SlowDown"
            if self.torn and "uploadId=" in path:
                self.torn -= 1
                self.faults += 1
                return "lose"
            if self.every and len(self.seen) % self.every == 0:
                self.faults += 1
                return FAULTS[self.faults % len(FAULTS)]
            return self.plan.pop(0)[1] if self.plan and self.plan[0][0] == method else ""

    def part_arrived(self) -> None:
        with self.lock:
            act, self.at_part = self.at_part, None
        if act is not None:
            act()


class _Unshaken(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients are killed on purpose; whoever is left says what went wrong."""


@contextmanager
def faulty_proxy(upstream: S3Server) -> Iterator[Proxy]:
    behind = urlsplit(upstream.endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.next_fault(self.command, self.path)
            if proxy.delay:
                time.sleep(proxy.delay)
            if fault == "slow":
                time.sleep(SLOW_S)
                fault = ""
            if fault == "drop":
                self.close_connection = True
                return
            if fault == "condition":
                del self.headers["If-None-Match"]
                fault = ""
            if fault and fault not in ("lose", "cut"):
                status, code = fault.split()
                text = f"<Error><Code>{code}</Code><Message>as planned</Message></Error>".encode()
                self.answer(int(status), {"Content-Length": str(len(text))}, text)
                return
            with closing(http.client.HTTPConnection(behind.hostname or "", behind.port, timeout=DEADLINE_S)) as server:
                server.request(self.command, self.path, body, dict(self.headers))
                response = server.getresponse()
                answer = response.read()
                headers = {k: v for k, v in response.headers.items() if k.lower() not in ("connection", "transfer-encoding")}
            if "partNumber=" in self.path:
                proxy.part_arrived()
            if fault:
                self.close_connection = True
            if fault != "lose":
                self.answer(response.status, headers, answer[: len(answer) // 2] if fault == "cut" else answer)

        def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = forward

    server = _Unshaken(("127.0.0.1", 0), Handler)
    proxy = Proxy(f"http://127.0.0.1:{server.server_port}")
    with _serving(server):
        yield proxy


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until it holds; fail by name when it does not in time."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"waited {DEADLINE_S} s in vain until {what}"
        time.sleep(0.01)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _serving(server) -> Iterator[None]:
    thread = Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05} if isinstance(server, ThreadingHTTPServer) else {}
    )
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
