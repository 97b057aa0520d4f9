"""The picture: truth, observed, restored and error, whole and enlarged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LightSource, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

if TYPE_CHECKING:
    from typing import Any


INK = "#303030"
NOT_OBSERVED = "#14181d"
# gist_earth without its black and white ends, which would vanish on that or look like snow.
HEIGHT_COLOURS = ListedColormap(colormaps["gist_earth"](np.linspace(0.2, 0.93, 256)))
ERROR_COLOURS = colormaps["RdBu_r"]


def draw(
    path: Any, *, truth: Any, observed: Any, restored: Any, grid: Any, caption: Any, labels: Any
) -> Any:
    """Write the PNG at `path`. The maps have shape (n_y, n_x); `observed` is NaN where hidden.

    `labels` are the titles of the four columns.
    """
    heights = Normalize(*np.percentile(truth, [0.5, 99.5]))
    error = restored - truth
    limit = max(1, np.percentile(np.abs(error), 99))
    errors = Normalize(-limit, limit)

    # The sun stands in the north-west. Truth and restoration get the same light, so any relief
    # that the restoration invents or loses shows.
    sun = LightSource(azdeg=315, altdeg=45)
    pixel = {"dx": grid.east[1], "dy": grid.north[1]}

    def shaded(surface: Any) -> Any:
        colours = HEIGHT_COLOURS(heights(surface))[..., :3]
        return sun.shade_rgb(colours, surface, blend_mode="soft", vert_exag=2, **pixel)

    images = [
        shaded(truth),
        HEIGHT_COLOURS(heights(np.ma.masked_invalid(observed))),
        shaded(restored),
        ERROR_COLOURS(errors(error)),
    ]

    # A Figure with its own canvas needs no display and leaves the user's pyplot alone.
    figure = Figure(figsize=(13, 8.2), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(caption, fontsize=13, color=INK)
    axes = figure.subplots(2, 4)
    n_y, n_x = truth.shape
    whole = (slice(0, n_y), slice(0, n_x))
    enlarged = (slice(n_y * 55 // 100, n_y * 80 // 100), slice(n_x // 4, n_x // 2))
    for column, image in enumerate(images):
        axes[0, column].set_title(labels[column], fontsize=11, color=INK)
        show(axes[0, column], image, whole, pixel)
        show(axes[1, column], image, enlarged, pixel)
        left, right, bottom, top = extent(enlarged, pixel)
        frame = Rectangle((left, top), right - left, bottom - top, fill=False, linewidth=1.3)
        frame.set_edgecolor("white" if column == 1 else "black")
        axes[0, column].add_patch(frame)
        axes[1, column].set_xlabel("km from the western edge", fontsize=9, color=INK)
    for axis in axes[:, 0]:
        axis.set_ylabel("km from the northern edge", fontsize=9, color=INK)

    shape: dict[str, Any]
    for columns, norm, colours, label, shape in [
        (axes[:, :3], heights, HEIGHT_COLOURS, "elevation (m)", {"shrink": 0.6, "aspect": 50}),
        (axes[:, 3], errors, ERROR_COLOURS, "restored − truth (m)", {"shrink": 0.9, "aspect": 22}),
    ]:
        bar = figure.colorbar(
            ScalarMappable(norm, colours),
            ax=columns,
            location="bottom",
            extend="both",
            pad=0.02,
            **shape,  # type: ignore[arg-type]  # shrink and aspect
        )
        bar.set_label(label, fontsize=9, color=INK)
        bar.ax.tick_params(labelsize=8, colors=INK)
        bar.outline.set_visible(False)

    # Write beside, then rename: an interrupted run leaves no half of a picture.
    unfinished = f"{path}.part"
    try:
        figure.savefig(unfinished, format="png", dpi=110)
        os.replace(unfinished, path)
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)


def extent(window: Any, pixel: Any) -> Any:
    """Left, right, bottom and top of a window of rows and columns, in km; row 0 is the top."""
    rows, columns = window
    width, height = pixel["dx"] / 1000, pixel["dy"] / 1000
    return columns.start * width, columns.stop * width, rows.stop * height, rows.start * height


def show(axis: Any, image: Any, window: Any, pixel: Any) -> None:
    """One panel: the pixels of a window, each as a plain rectangle of its true proportions."""
    axis.imshow(image[window], extent=extent(window, pixel), interpolation="nearest")
    axis.set_facecolor(NOT_OBSERVED)
    axis.tick_params(labelsize=8, length=2, colors=INK)
    axis.tick_params(labelleft=axis.get_subplotspec().is_first_col())
    axis.spines[:].set_color("#909090")
