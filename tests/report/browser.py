"""A headless Chromium that has no network, driven over the W3C's WebDriver protocol."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

NOWHERE = "http://127.0.0.1:9"  # where nobody listens: a page that asks for anything gets nothing


class Browser:
    """One window. Sizes in CSS pixels."""

    def __init__(self, session: str) -> None:
        self._session = session

    def open(self, page: Path) -> None:
        self._call("POST", "url", url=page.absolute().as_uri())

    def resize(self, width: int, height: int) -> None:
        """Of what is seen: a window cannot be as narrow as a telephone, its content can."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("POST", "goog/cdp/execute", cmd="Emulation.setDeviceMetricsOverride", params=metrics)

    def prefer(self, **features: str) -> None:
        """Media features, such as prefers_color_scheme="dark"."""
        wanted = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self._call("POST", "goog/cdp/execute", cmd="Emulation.setEmulatedMedia", params={"features": wanted})

    def run(self, script: str, *arguments: Any) -> Any:
        """A script's `return` value."""
        return self._call("POST", "execute/sync", script=script, args=list(arguments))

    def click(self, x: float, y: float) -> None:
        """With the mouse, at a place of what is seen."""
        at = {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}
        steps = [at, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._call("POST", "actions", actions=[{"type": "pointer", "id": "mouse", "actions": steps}])

    def press(self, key: str) -> None:
        steps = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._call("POST", "actions", actions=[{"type": "key", "id": "keyboard", "actions": steps}])

    def photograph(self) -> np.ndarray:
        """What is seen: (height, width, 3), 0 to 255."""
        import io

        from matplotlib.image import imread

        return np.rint(imread(io.BytesIO(self.png()))[:, :, :3] * 255).astype(int)

    def png(self) -> bytes:
        return base64.b64decode(self._call("GET", "screenshot"))

    def complaints(self) -> list[str]:
        """What the page wrote to its console as warnings and errors since it was asked last."""
        return [f"{row['level']}: {row['message']}" for row in self._call("POST", "se/log", type="browser")]

    def _call(self, method: str, path: str, **body: Any) -> Any:
        return _ask(method, f"{self._session}/{path}", body if method == "POST" else None)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Until the block ends; its profile lies in `folder`."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        assert driver.stdout is not None
        port = next(found[1] for line in driver.stdout if (found := re.search(r"successfully on port (\d+)", line)))
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}"]
        flags += [f"--proxy-server={NOWHERE}", "--disable-background-networking", "--no-first-run"]
        wanted = {"goog:chromeOptions": {"binary": chromium, "args": flags}, "goog:loggingPrefs": {"browser": "WARNING"}}
        server = f"http://127.0.0.1:{port}/session"
        session = f"{server}/{_ask('POST', server, {'capabilities': {'alwaysMatch': wanted}})['sessionId']}"
        try:
            yield Browser(session)
        finally:
            _ask("DELETE", session, None)
    finally:
        driver.terminate()
        driver.wait(timeout=30)


def _ask(method: str, url: str, body: Any) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is never behind a proxy
    with opener.open(request, timeout=120) as answer:
        return json.loads(answer.read())["value"]
