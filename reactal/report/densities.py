"""What a learned density looks like beside the SCF's, as figures of a report."""

from __future__ import annotations

from reactal.density.figures import LEVEL, Residual, isosurfaces, slices
from reactal.report.html import Picture
from reactal.report.style import INK, Drawing, canvas, drawn

__all__ = ["density_pictures"]

POINTS = 70  # along an edge of a slice: finer ones make the page heavy


def density_pictures(residual: Residual, *, name: str) -> list[Picture]:
    """Slices and isosurfaces of one molecule; `name` says which of the campaign's it is."""
    title = f"Residual density of the {name}"
    level = f"{LEVEL:g} electrons/bohr³"
    return [
        Picture(
            f"{title}, sliced",
            _slices(residual, name),
            "What bonds do to the free atoms' electrons (blue: more, red: fewer), in the plane that most atoms lie in: from the "
            "full SCF, as the density model predicts it, and ten times the difference.",
        ),
        Picture(
            f"{title}, in space",
            _isosurfaces(residual, name),
            f"Where there are {level} more than in free atoms (blue) and as many fewer (orange): from the SCF, and predicted.",
        ),
    ]


def _slices(residual: Residual, name: str) -> Drawing:
    with canvas(9.6, 3.2, 3) as (figure, panels):
        image = slices(panels, residual, points=POINTS, ink=INK)
        for panel in panels:
            panel.grid(visible=False)
        figure.colorbar(image, ax=panels, label="electrons / bohr³", format="%.2f")
        words = (
            f"Residual density of the {name}, {residual.formula}, in a plane: from the SCF, predicted, ten times the difference."
        )
        return drawn(figure, name="density-slices", description=words)


def _isosurfaces(residual: Residual, name: str) -> Drawing:
    with canvas(7.6, 3.6, 2, subplot_kw={"projection": "3d"}) as (figure, panels):
        isosurfaces(panels, residual, ink=INK)
        words = f"Isosurfaces of the residual density of the {name}, {residual.formula}: from the SCF and predicted."
        return drawn(figure, name="density-isosurfaces", description=words)
