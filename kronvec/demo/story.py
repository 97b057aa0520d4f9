"""The demo from beginning to end: what is computed in which order, and what is printed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from . import terrain
from .covariance import CANDIDATES
from .naive_table import SIZES, compare_sizes, comparison_table, memory
from .picture import draw

if TYPE_CHECKING:
    from typing import Any


KEPT = 0.30  # share of the pixels that is observed
NOISE = 1.0  # standard deviation of the noise added to them, metres; the model is not told
TOLERANCE = 1e-8  # of the linear system: ‖b - A x‖ <= TOLERANCE ‖b‖


def tell(out: str, seed: int | None) -> Any:
    """Run everything; return the figures as a dict."""
    begin = time.perf_counter()
    rng = np.random.default_rng(seed)
    console = Console(highlight=False)
    figures = restoration(console, rng, out)
    console.print()
    with progress_bar(console) as progress:
        task = progress.add_task("naive and vec_trick", total=len(SIZES), note="")
        figures["naive_table"] = compare_sizes(rng, lambda: progress.advance(task))
    console.print(comparison_table(figures["naive_table"]))
    figures["total_seconds"] = time.perf_counter() - begin
    console.print(f"\nThe whole demo took {figures['total_seconds']:.1f} s.")
    return figures


def restoration(console: Any, rng: Any, out: str) -> Any:
    """Hide pixels, choose the covariance, solve, compare, draw."""
    truth, grid = terrain.load_elevation()
    seen = terrain.observe(truth, rng, kept=KEPT, noise=NOISE)
    hidden = np.ones(grid.size, dtype=bool)
    hidden[seen.pixels] = False
    n_y, n_x = truth.shape
    figures = {"pixels": grid.size, "observed": len(seen.pixels), "dense_bytes": 8 * grid.size**2}
    console.print(
        f"[bold]Elevation map[/] of {n_y} x {n_x} = {grid.size:,} pixels, heights "
        f"{truth.min():.0f} to {truth.max():.0f} m. Kept: {len(seen.pixels):,} pixels ({KEPT:.0%}) "
        f"at random, plus noise of {NOISE:g} m (the model is not told how much)."
    )

    with progress_bar(console) as progress:
        # 1. The model: fitted to and compared on observed pixels only.
        start = time.perf_counter()
        task = progress.add_task("choosing the model", total=len(CANDIDATES), note="")
        scores = terrain.choose_covariance(seen, grid, rng, lambda: progress.advance(task))
        covariance = scores[0].covariance
        figures["choice_seconds"] = time.perf_counter() - start

        # 2. The linear system. The bar measures digits gained, -log10 of the residual.
        task = progress.add_task("conjugate gradients", total=-np.log10(TOLERANCE), note="")

        def report(iterations: Any, residual: Any) -> None:
            note = f"{iterations} iterations, residual {residual:.1e}"
            progress.update(task, completed=max(0.0, -np.log10(residual)), note=note)

        start = time.perf_counter()
        restored, solution = terrain.restore(
            seen, grid, covariance, tolerance=TOLERANCE, report=report
        )
        figures["restore_seconds"] = time.perf_counter() - start
        figures["iterations"], figures["residual"] = solution.iterations, solution.residual

    console.print(model_table(scores))
    factors_bytes = 8 * len(covariance.rows) * (n_y**2 + n_x**2)
    account = Table.grid(padding=(0, 2))
    account.add_row("covariance K, dense", f"[bold]{memory(figures['dense_bytes'])}[/]")
    figures["factor_bytes"] = factors_bytes
    account.add_row("its factors K_y, K_x", memory(factors_bytes))
    account.add_row("system", "(P K Pᵀ + σ² I) x = y - μ, P picks the observed pixels")
    account.add_row("iterations", f"[bold]{solution.iterations}[/] of conjugate gradients")
    account.add_row("‖b - A x‖ / ‖b‖", f"{solution.residual:.1e}, asked: {TOLERANCE:.0e}")
    account.add_row(
        "seconds",
        f"[bold]{figures['restore_seconds']:.1f}[/] with the preconditioner; "
        f"the choice of the model: {figures['choice_seconds']:.1f}",
    )
    console.print(account)
    console.print()

    # 3. Only now look at the hidden pixels.
    def rmse(heights: Any) -> Any:
        return float(np.sqrt(np.mean((heights - truth.ravel())[hidden] ** 2)))

    figures["rmse"] = {n: rmse(h) for n, h in terrain.interpolate(seen, grid).items()}
    figures["rmse"]["kronvec"] = rmse(restored)
    console.print(error_table(figures["rmse"]))

    observed = np.full(grid.size, np.nan)
    observed[seen.pixels] = seen.heights
    error_label = (
        f"error, RMSE {figures['rmse']['kronvec']:.1f} m on hidden pixels\n"
        f"linear interpolation: {figures['rmse']['linear']:.1f} m"
    )
    draw(
        out,
        truth=truth,
        observed=observed.reshape(truth.shape),
        restored=restored.reshape(truth.shape),
        grid=grid,
        caption=f"{grid.size:,} heights from {len(seen.pixels):,}: a Gaussian process whose "
        f"{memory(figures['dense_bytes'])} covariance stays a sum of Kronecker products",
        labels=[
            f"truth\n{n_y} x {n_x} pixels",
            f"observed\n{KEPT:.0%} of the pixels, noise {NOISE:g} m",
            f"restored\n{solution.iterations} iterations",
            error_label,
        ],
    )
    console.print(f"Picture: [bold]{out}[/]")
    figures["picture"] = str(out)
    return figures


def model_table(scores: Any) -> Any:
    """The candidates, best first. The score is the mean log density of left-out observed pixels."""
    table = Table(title="Models, compared by leave-one-out on observed pixels")
    for column, justify in [
        ("covariance", "left"),
        ("score", "right"),
        ("RMSE", "right"),
        ("length scales", "right"),
        ("σ", "right"),
    ]:
        table.add_column(column, justify=justify)
    table.caption = (
        "score: mean log density of the left-out pixels, the criterion\n"
        "σ: noise, and relief too fine for the model"
    )
    for position, entry in enumerate(scores):
        model = entry.covariance
        table.add_row(
            model.name,
            f"{entry.log_density:.3f}",
            f"{entry.rmse:.1f} m",
            ", ".join(f"{length:.0f}" for length in model.lengths) + " m",
            f"{np.sqrt(model.noise_variance):.1f} m",
            style="bold" if position == 0 else "",
        )
    return table


def error_table(rmse: Any) -> Any:
    """Root mean square error on the hidden pixels, against linear interpolation."""
    table = Table(title="Error on the hidden pixels")
    table.add_column("method")
    table.add_column("RMSE", justify="right")
    table.add_column("against linear", justify="right")
    descriptions = {
        "nearest": "nearest observed pixel",
        "linear": "SciPy, linear on triangles *",
        "cubic": "SciPy, cubic on triangles (Clough-Tocher) *",
        "kronvec": "Gaussian process, Kronecker covariance",
    }
    for name, description in descriptions.items():
        table.add_row(
            description,
            f"{rmse[name]:.2f} m",
            f"{rmse[name] / rmse['linear'] - 1:+.0%}" if name != "linear" else "",
            style="bold" if name == "kronvec" else "",
        )
    table.caption = "* nearest observed pixel where no triangle covers the border"
    return table


def progress_bar(console: Any) -> Any:
    """Bars that stay on screen with their last note; printed at the end without a terminal."""
    return Progress(
        TextColumn("{task.description:20}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
    )
