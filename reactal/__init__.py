"""Active learning of reactive machine-learning potentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reactal.potentials.calculator import load_potential
    from reactal.runner import Campaign

__version__ = "0.1.0"
__all__ = ["Campaign", "__version__", "load_potential"]


def __getattr__(name: str) -> Any:
    """Both are loaded when first asked for: they bring in the whole of torch."""
    if name == "Campaign":
        from reactal.runner import Campaign

        return Campaign
    if name == "load_potential":
        from reactal.potentials.calculator import load_potential

        return load_potential
    raise AttributeError(f"module 'reactal' has no attribute {name!r}")
