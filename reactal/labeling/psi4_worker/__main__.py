"""Where Psi4's interpreter begins when it is given this folder: the folder becomes the package `psi4_worker`, and none of its
modules is in the way of one of Psi4's."""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def as_package() -> None:
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE]
    spec = importlib.util.spec_from_file_location("psi4_worker", HERE / "__init__.py", submodule_search_locations=[str(HERE)])
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["psi4_worker"] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    as_package()
    importlib.import_module("psi4_worker.program").main()
