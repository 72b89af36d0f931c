"""Write the secrets of compose.yaml: `python3 infra/compose/make_secrets.py [FOLDER]`. Files that are there stay as they are.

The folder is for its owner alone. The files in it may be read by whoever reaches them, since the containers' users, who are not
the owner, get them one by one.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

PASSWORDS = ("prefect_db", "mlflow_db", "grafana_admin")


def main(folder: Path) -> int:
    """Passwords, and the store's key and secret, which also stand together as a credentials file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = [name for name in PASSWORDS if written(folder / name, secrets.token_urlsafe(32))]
    made += [name for name in ("store_key",) if written(folder / name, "RA" + secrets.token_hex(9).upper())]
    made += [name for name in ("store_secret",) if written(folder / name, secrets.token_urlsafe(30))]
    key, secret = ((folder / name).read_text() for name in ("store_key", "store_secret"))
    profile = f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    made += [name for name in ("store_credentials",) if written(folder / name, profile)]
    print(f"{folder}: {', '.join(made) if made else 'all there already'}")
    return 0


def written(file: Path, text: str) -> bool:
    """False where it is there already: a new password would lock its database."""
    if file.exists():
        return False
    file.write_text(text)
    file.chmod(0o444)
    return True


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "secrets"))
