"""Figures of the pages: from measured JSON to the tables and plots of docs/ and the README.

    make figures                        # measure anew (about 15 minutes), then all of this
    make figures BENCH=kronvec-bench    # take the results of a benchmark that was run
    python benchmarks/figures.py        # write the tables again from docs/_figures/*.json

docs/_figures holds bench.json (of each case what the tables need) and demo.json.  On the pages
tables, and the sentences that have figures of the demo, stand between ``<!-- table: name -->``
and ``<!-- end -->``.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections import defaultdict
from pathlib import Path
from statistics import geometric_mean
from textwrap import fill

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs" / "_figures"
PLOTS = ("ratios", "roofline", "times")

# What a target of kronvec/bench/cases.py measures, in words; others keep their label.
WORK = {
    "x @ K, P ≤ 9": "x (F1 ⊗ … ⊗ FN), factors up to 9 x 9",
    "x @ K, P = 10 to 48": "the same, 10 to 48",
    "x @ K, P = 49 to 200": "the same, 49 to 200",
    "x @ K, P > 200": "the same, above 200 (`numpy.matmul` does the work)",
    "x @ K, complex": "the same, complex64 and complex128",
    "K @ X, P = 4 to 32": "(F1 ⊗ … ⊗ FN) X, 16 and 1000 columns",
    "A @ B @ C": "A B C of n x n, n = 2 to 256, against `A @ B @ C`",
    "A @ B @ C, cheaper order": "A B C where the other association is cheaper, likewise",
    "batched A @ B @ C": "batches of A B C, n = 2 to 16, against NumPy and torch",
    "vjp pairs": "batches of both gradients of X W, likewise",
    "kron formed": "A ⊗ B formed, against `numpy.kron`",
    "Kronecker sum": "Kronecker sum times X",
    "sampled rows": "some rows of a product of many factors",
    "Khatri-Rao formed": "Khatri-Rao product formed",
    "Khatri-Rao times x": "Khatri-Rao product times x",
    "MTTKRP": "`mttkrp`, a matricized tensor times a Khatri-Rao product",
    "commutation 4096²": "K_{4096,4096} x, against NumPy's transposition",
}
HARDWARE = {
    "roofline, real": "x (F1 ⊗ … ⊗ FN) into `out=`, real, of the roofline",
    "roofline, complex": "the same, complex",
    "kron, of fill bandwidth": "A ⊗ B formed, of what filling the result takes",
    "commutation, of copy bandwidth in cache": "K x, of what a copy takes, in cache",
    "commutation, of copy bandwidth beyond cache": "the same, beyond the caches",
    "commutation in place, square": "K x in place, of the time out of place, square",
    "workers=2": "two workers, of one",
    "call of matmul_kron, of 3 µs": "a call of `matmul_kron`, of 3 µs",
}


def kept(results: dict) -> dict:
    """What the tables and compare.py need of bench.json: its first pass, one thread."""
    one = next(p for p in results["passes"] if p["threads"] == 1)
    rows = [
        {
            "name": row["name"],
            "limit_seconds": float(f"{row['limit_seconds']:.4g}"),
            "seconds": {
                who: {kind: float(f"{s:.4g}") for kind, s in times.items()}
                for who, times in row["seconds"].items()
                if "reference" not in times
            },
        }
        for row in one["rows"]
    ]
    verdicts = [
        {k: v if isinstance(v, (int, str)) else round(v, 3) for k, v in verdict.items()}
        for verdict in (
            {k: v[k] for k in ("label", "cases", "mean", "worst", "worst_case")}
            for v in one["verdicts"]
        )
    ]
    return {
        **{k: results[k] for k in ("machine", "versions", "isa", "seconds")},
        "peak": one["machine"]["peak"],
        "copy": max(one["machine"]["copy"].values()),
        "peers": one["peers"],
        "verdicts": verdicts,
        "rows": rows,
    }


# ---- tables ------------------------------------------------------------------------------


def table(head, rows) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def ratio(value: float) -> str:
    """Two decimals, or three digits."""
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def machine(bench) -> str:
    """Where and with what it was measured."""
    peak, peers = bench["peak"], ", ".join(f"{k} {v}" for k, v in bench["peers"].items())
    return (
        f"{bench['machine']['cpu']}, {bench['machine']['cpus']} CPUs, {bench['isa']}; "
        f"{peak['float32'] / 1e9:.0f} GF/s float32 and {peak['float64'] / 1e9:.0f} GF/s float64 "
        f"reached by one core, copies at {bench['copy'] / 1e9:.0f} GB/s in cache; "
        f"{bench['seconds'] / 60:.0f} minutes.  {peers}."
    )


def targets(bench) -> str:
    """Against the best peer of each case."""
    rows = [
        (WORK.get(v["label"], v["label"]), v["cases"], ratio(v["mean"]), ratio(v["worst"]))
        for v in bench["verdicts"]
        if v["label"] not in HARDWARE
    ]
    return table(
        ("work", "cases", "times the best peer: geometric mean", "least"),
        rows,
    )


def hardware(bench) -> str:
    """Against what the hardware allows."""
    rows = [
        (HARDWARE[v["label"]], v["cases"], ratio(v["mean"]), ratio(v["worst"]))
        for v in bench["verdicts"]
        if v["label"] in HARDWARE
    ]
    return table(("work", "cases", "geometric mean", "least"), rows)


def ratios_of_peers(bench) -> dict[str, dict[str, float]]:
    """From peer and case to its time over kronvec's, both with a fresh result if there is one."""
    ratios = defaultdict(dict)
    for row in bench["rows"]:
        if row["name"].startswith("in-place/"):  # others write to another array
            continue
        own = row["seconds"]["kronvec"]
        for who, times in row["seconds"].items():
            kind = "fresh" if "fresh" in own and "fresh" in times else "out"
            if who in bench["peers"] and kind in own and kind in times:
                ratios[who][row["name"]] = times[kind] / own[kind]
    return ratios


def peers(bench) -> str:
    """Each peer on the cases that it computes."""
    rows = []
    for who, cases in sorted(ratios_of_peers(bench).items()):
        values = list(cases.values())
        faster = sum(value < 1 for value in values)
        mean, least = ratio(geometric_mean(values)), min(cases, key=cases.get)
        rows.append((who, len(values), mean, faster, f"{ratio(cases[least])} ({least})"))
    return table(
        ("peer", "cases", "its time over kronvec's, geometric mean", "faster than kronvec in")
        + ("least",),
        rows,
    )


def naive(rows) -> str:
    """`np.kron(C.T, A) @ b` against `vec_trick`."""
    from kronvec.demo.naive_table import duration, memory

    lines = []
    for row in rows:
        ran, n = row["naive_seconds"] is not None, f"{row['n']:,}"
        own = (duration(row["seconds"]), memory(row["bytes"]))
        if ran:
            times = f"{row['naive_seconds'] / row['seconds']:,.0f}x"
            more = f"{row['naive_bytes'] / row['bytes']:,.0f}x"
            naive = (duration(row["naive_seconds"]), memory(row["naive_bytes"]))
            lines.append((n, naive[0], own[0], times, naive[1], own[1], more))
        else:
            would = f"would need {memory(row['naive_bytes'])}"
            lines.append((n, would, own[0], "", "", own[1], ""))
    return table(("n", "naive", "vec_trick", "ratio", "naive", "vec_trick", "ratio"), lines)


def demo(figures) -> str:
    """What the picture shows."""
    from kronvec.demo.naive_table import memory

    errors = figures["rmse"]
    text = (
        f"A real elevation map of {figures['pixels']:,} pixels restored from "
        f"{figures['observed'] / figures['pixels']:.0%} of them.  The Gaussian process behind it "
        f"has a covariance of {memory(figures['dense_bytes'])} if written out, and "
        f"{memory(figures['factor_bytes'])} as Kronecker factors.  The error on the hidden pixels "
        f"is {errors['kronvec']:.1f} m (root mean square) against {errors['linear']:.1f} m for "
        f"linear and {errors['cubic']:.1f} m for cubic interpolation on triangles."
    )
    return fill(text, 96)


def tables() -> dict[str, str]:
    """Every table by its name, from the JSON that is kept."""
    bench = json.loads((KEPT / "bench.json").read_text(encoding="utf-8"))
    told = json.loads((KEPT / "demo.json").read_text(encoding="utf-8"))
    made = {f.__name__: f(bench) for f in (machine, targets, hardware, peers)}
    return made | {"naive": naive(told["naive_table"]), "demo": demo(told)}


def replaced(text: str, made: dict[str, str]) -> str:
    """The text, with each table between ``<!-- table: name -->`` and ``<!-- end -->``."""
    return re.sub(
        r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}\n{made[found[2]]}\n\n{found[3]}",
        text,
        flags=re.DOTALL,
    )


def pages() -> list[Path]:
    """Where tables are."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


# ---- measuring ---------------------------------------------------------------------------


def take(folder: Path) -> None:
    """Keep what the tables need of a benchmark's results, and its plots."""
    results = json.loads((folder / "bench.json").read_text(encoding="utf-8"))
    text = json.dumps(kept(results), ensure_ascii=False)
    # A line for each case, so that changes can be read.
    text = text.replace('{"name"', '\n{"name"').replace('{"label"', '\n{"label"')
    (KEPT / "bench.json").write_text(text + "\n", encoding="utf-8")
    for plot in PLOTS:
        shutil.copyfile(folder / f"{plot}.png", ROOT / "docs" / f"bench-{plot}.png")


def run_demo() -> None:
    """Run the demo; keep its picture and its figures."""
    from kronvec import demo

    told = demo.run(str(ROOT / "docs" / "terrain.png"))
    del told["picture"]
    text = json.dumps(told, default=float).replace('{"n"', '\n{"n"')
    (KEPT / "demo.json").write_text(text + "\n", encoding="utf-8")


def main(folder: str | None = None) -> None:
    """Take the results of a folder, if one is named, run the demo, and write all tables."""
    if folder:
        KEPT.mkdir(exist_ok=True)
        take(Path(folder))
        run_demo()
    made = tables()
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (new := replaced(text, made)) != text:
            page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
