"""The plots: ratios with their targets, time against size, and the roofline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from .cases import SERIES, all_cases
from .machine import limit_seconds
from .summary import geometric_mean, peer_seconds, reached

OWN = "#d1495b"
GREY = "#8a8f98"
# One colour and marker for each peer, in every plot.
PEER_STYLE = {
    "numpy": ("#30363d", "s"),
    "numpy matmul": ("#00798c", "o"),
    "numpy einsum": ("#6aa9b0", "v"),
    "opt_einsum": ("#9ccfd8", "^"),
    "pyfastkron": ("#edae49", "D"),
    "pykronecker": ("#b08968", "<"),
    "linear_operator": ("#66a182", ">"),
    "pylops": ("#a3b18a", "p"),
    "tensorly": ("#8f6fbf", "h"),
    "scipy": ("#1f4e8c", "x"),
    "scipy sparse": ("#3d6fb6", "X"),
    "torch": ("#e07a3f", "P"),
    "jax": ("#4a8fe7", "*"),
    "qulacs": ("#c77dff", "d"),
}
STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e6ea",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "legend.frameon": False,
    "figure.dpi": 150,
    "figure.facecolor": "white",
}
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")
TWO_AND_FIVE = FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")


def draw(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write the plots that the results have data for; return their files."""
    written = []
    with matplotlib.rc_context(STYLE):
        for one in results["passes"]:
            suffix = "" if one["threads"] == 1 else f"-{one['threads']}-threads"
            footer = machine_note(results, one)
            for name, plot in (("ratios", ratios), ("times", times), ("roofline", roofline)):
                figure = plot(one)
                if figure is None:
                    continue
                height = figure.get_tightbbox().y0 / figure.get_figheight()  # below the legend
                figure.text(0.995, height - 0.02, footer, ha="right", va="top", size=7, color=GREY)
                file = folder / f"{name}{suffix}.png"
                figure.savefig(file, bbox_inches="tight", pad_inches=0.12)
                written.append(file)
    return written


def machine_note(results: dict[str, Any], one: dict[str, Any]) -> str:
    """What a reader must know to place the figures."""
    count = one["threads"]
    return (
        f"{results['machine']['cpu']}, {count} thread{'s' if count > 1 else ''}, "
        f"{results['isa']}; kronvec {results['versions']['kronvec']}, "
        f"NumPy {results['versions']['numpy']}"
    )


# ------------------------------------------------------------------------------------- ratios


def ratio_groups(one: dict[str, Any]) -> dict[str, list[tuple[float, dict[str, Any]]]]:
    """Label of a target -> (ratio, target) of its cases; without targets, by group of cases."""
    rows = {row["name"]: row for row in one["rows"]}
    groups: dict[str, list[Any]] = {}
    for case in all_cases():
        row = rows.get(case.name)
        if row is None:
            continue
        if one["threads"] > 1:
            if "ratio" in row:
                groups.setdefault(case.group, []).append((row["ratio"]["fresh"], None))
            continue
        for target in case.targets:
            value = reached(row, target)
            if value is not None:
                groups.setdefault(target.label, []).append((value, target))
    return groups


def ratios(one: dict[str, Any]) -> Figure | None:
    """A bar to the geometric mean of each group, its cases as dots, its targets as ticks."""
    groups = ratio_groups(one)
    if not groups:
        return None
    figure = Figure(figsize=(9, 1.3 + 0.38 * len(groups)))
    axes = figure.add_subplot()
    shown = [0.8, 1.25]  # what must have room
    for place, entries in enumerate(groups.values()):
        values = [value for value, _ in entries]
        mean = geometric_mean(values)
        low = min(1.0, mean)
        axes.barh(place, max(mean, 1.0) - low, left=low, height=0.56, color=OWN, alpha=0.28)
        axes.plot([mean] * 2, [place - 0.28, place + 0.28], color=OWN, lw=2.5)
        axes.plot(values, [place] * len(values), "o", ms=3.6, color=OWN, mec="white", mew=0.4)
        targets: set[Any] = {target for _, target in entries if target}
        each_asked, means_asked = {t.each for t in targets}, {t.mean for t in targets if t.mean}
        each_asked = each_asked if len(each_asked) == 1 else set()
        shown += [*values, *each_asked, *means_asked]
        for each in each_asked:
            axes.plot([each] * 2, [place - 0.4, place + 0.4], color="#22262b", lw=1.1, ls=":")
        for asked in means_asked:
            axes.plot([asked] * 2, [place - 0.4, place + 0.4], color="#22262b", lw=1.6)
        axes.text(
            *(1.01, place, f"{mean:.2f}" if mean < 10 else f"{mean:.0f}"),
            transform=axes.get_yaxis_transform(),
            va="center",
            color=OWN,
        )
    axes.axvline(1, color=GREY, lw=1)
    axes.set_xscale("log")
    axes.set_xlim(min(shown) / 1.15, max(shown) * 1.15)
    axes.xaxis.set_major_formatter(PLAIN)
    axes.xaxis.set_minor_formatter(TWO_AND_FIVE)
    axes.set_yticks(range(len(groups)), groups)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("times faster than the best installed peer, or than what the line names")
    figure.suptitle(
        "kronvec against the fastest peer of each case", x=0.5, y=0.9, va="bottom", size=12
    )
    axes.legend(
        handles=[
            Line2D([], [], marker="o", ls="", color=OWN, ms=4, label="a case"),
            Line2D([], [], color=OWN, lw=2.5, label="geometric mean"),
            Line2D([], [], color="#22262b", lw=1.6, label="target for the mean"),
            Line2D([], [], color="#22262b", lw=1.1, ls=":", label="target for each case"),
        ],
        **{"loc": "upper center", "bbox_to_anchor": (0.4, -1.15 / len(groups) ** 0.75)},
        **{"ncols": 4, "fontsize": 8},
    )
    return figure


# -------------------------------------------------------------------------------------- times


def times(one: dict[str, Any]) -> Figure | None:
    """Log-log: seconds against the length of x, a panel for each P."""
    rows = {row["name"]: row for row in one["rows"] if row["group"] == "series"}
    panels = {
        p: [(p**n, rows[name]) for n in exponents if (name := f"series/f64/1x{p}^{n}") in rows]
        for p, exponents in SERIES.items()
    }
    panels = {p: points for p, points in panels.items() if points}
    if not panels:
        return None
    figure = Figure(figsize=(3.6 * len(panels) + 1.2, 4.2))
    shown: dict[str, Line2D] = {}
    first: Any = None
    for place, (p, points) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), place + 1, sharey=first)
        first = first or axes
        peers = sorted({who for _, row in points for who in peer_seconds(row, "fresh")})
        for who in sorted(peers, key=list(PEER_STYLE).index):
            colour, marker = PEER_STYLE[who]
            line = [(n, t) for n, row in points if (t := peer_seconds(row, "fresh").get(who))]
            (shown[who],) = axes.plot(
                *zip(*line, strict=True), color=colour, marker=marker, ms=4, lw=1.1, label=who
            )
        own = [(n, row["seconds"]["kronvec"]["fresh"]) for n, row in points]
        limits = [
            (n, limit_seconds(one["machine"], row["flops"], row["bytes"], row["dtype"]))
            for n, row in points
        ]
        (shown["limit of the hardware"],) = axes.plot(
            *zip(*limits, strict=True), color=GREY, ls="--", lw=1.2, label="limit of the hardware"
        )
        (shown["kronvec"],) = axes.plot(
            *zip(*own, strict=True), color=OWN, marker="o", ms=6, lw=2.6, label="kronvec", zorder=5
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(f"factors {p} × {p}", size=10)
        axes.set_xlabel("length of x")
        if place:
            axes.tick_params(labelleft=False)
    first.set_ylabel("seconds")
    order = ["kronvec", "limit of the hardware", *(w for w in PEER_STYLE if w in shown)]
    figure.tight_layout()
    figure.suptitle("x (F₁ ⊗ … ⊗ Fₙ), one row, float64", size=12, y=1.0, va="bottom")
    figure.legend(
        [shown[who] for who in order],
        order,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        fontsize=8.5,
    )
    return figure


# ----------------------------------------------------------------------------------- roofline

PRECISIONS = {
    "single": ("float32", {"float32": "real", "complex64": "complex"}),
    "double": ("float64", {"float64": "real", "complex128": "complex"}),
}


def roofline(one: dict[str, Any]) -> Figure | None:
    """Arithmetic reached against arithmetic intensity, kronvec and the best peer of each case."""
    rows = [
        row
        for row in one["rows"]
        if row["group"] in ("grid", "shapes", "large", "left") and row.get("best_peer")
    ]
    if not rows:
        return None
    panels = {
        name: (real, dtypes)
        for name, (real, dtypes) in PRECISIONS.items()
        if any(row["dtype"] in dtypes for row in rows)
    }
    figure = Figure(figsize=(9.6, 4.4))
    first: Any = None
    for place, (precision, (real, dtypes)) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), place + 1, sharey=first)
        first = first or axes
        here = [row for row in rows if row["dtype"] in dtypes]
        peak = one["machine"]["peak"][real]
        memory = one["machine"]["copy"][max(one["machine"]["copy"], key=int)]
        intensities = [row["flops"] / row["bytes"] for row in here]
        ridge = peak / memory
        left, right = min([0.6 * ridge, *intensities]) / 1.3, max(intensities) * 1.5
        line = [(x, min(peak, x * memory) / 1e9) for x in (left, ridge, max(right, 2 * ridge))]
        axes.plot(*zip(*line, strict=True), color="#22262b", lw=1.6, zorder=1)
        axes.annotate(
            *(f"{peak / 1e9:.0f} GF/s", (max(right, 2 * ridge), peak / 1e9)),
            xytext=(0, 4),
            textcoords="offset points",
            ha="right",
            size=8,
        )
        fractions = []
        for row in here:
            x = row["flops"] / row["bytes"]
            own = row["seconds"]["kronvec"]
            y = row["flops"] / own.get("out", own["fresh"]) / 1e9
            other = row["flops"] / min(peer_seconds(row, "out").values()) / 1e9
            fractions.append(row["limit_fraction"]["out"])
            filled = "o" if dtypes[row["dtype"]] == "real" else "D"
            axes.plot([x, x], [other, y], color=OWN, lw=0.6, alpha=0.35, zorder=2)
            axes.plot(x, other, filled, ms=4.5, mfc="white", mec=GREY, mew=1, zorder=3)
            axes.plot(x, y, filled, ms=5.5, color=OWN, mec="white", mew=0.5, zorder=4)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter(PLAIN)
        axes.yaxis.set_major_formatter(PLAIN)
        axes.xaxis.set_minor_formatter(TWO_AND_FIVE)
        axes.yaxis.set_minor_formatter(TWO_AND_FIVE)
        axes.set_xlabel("flops per byte, each operand read and written once")
        mean = geometric_mean(fractions)
        axes.set_title(f"{precision} precision: {mean:.0%} of the limit (geometric mean)", size=10)
    first.set_ylabel("GF/s")
    handles = [
        Line2D([], [], marker="o", ls="", color=OWN, ms=6, label="kronvec, real"),
        Line2D([], [], marker="D", ls="", color=OWN, ms=5, label="kronvec, complex"),
        Line2D([], [], marker="o", ls="", mfc="white", mec=GREY, ms=5, label="best peer"),
        Line2D([], [], color="#22262b", lw=1.6, label="peak arithmetic, copy from memory"),
    ]
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.suptitle(
        "What the hardware allows, and what is reached into out=", size=12, y=1.0, va="bottom"
    )
    figure.legend(
        handles=handles, loc="lower center", ncols=4, fontsize=8.5, bbox_to_anchor=(0.5, 0.0)
    )
    return figure
