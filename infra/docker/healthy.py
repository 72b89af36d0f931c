"""The images' health check: 0 where the page that REACTAL_HEALTH_URL names answers, else where reactal starts at all.

Runs in the image with the standard library alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.error import URLError
from urllib.request import urlopen

PATIENCE_S = 8.0


def main() -> int:
    """The exit code of the check; what is wrong goes to standard error, which the engine keeps."""
    url = os.environ.get("REACTAL_HEALTH_URL", "")
    try:
        if not url:
            return subprocess.run(["reactal", "--version"], check=False, timeout=PATIENCE_S).returncode
        with urlopen(url, timeout=PATIENCE_S):  # an answer of 400 and above is an error of its own
            return 0
    except (URLError, OSError, ValueError, subprocess.TimeoutExpired) as error:
        print(f"unhealthy: {url or 'reactal --version'}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
