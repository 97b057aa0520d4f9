"""Runs the processes under a progress bar and prints the tables."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import kronvec as kv

from .cases import SHORT, Case
from .launch import measure
from .machine import cpu_count, cpu_name
from .peers import PEERS
from .summary import add_figures, judge

if TYPE_CHECKING:
    from typing import Any


# What a case takes beside its budget, on an ordinary core of 40 GF/s and 10 GB/s: a start, and
# for each peer that takes part a preparation and some calls, as multiples of the least time.
START, PREPARE, CALLS = 12.0, 0.18, 6.5
TURNS = 1.5  # budgets that a case takes: every turn is finished

# Off a terminal the tables are for a file: as wide as they need be.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 124)


def expected_seconds(cases: Sequence[Case], peers: Sequence[str], budget: float) -> float:
    """About how long the cases take with one number of threads; crude, but known beforehand."""
    total = START
    for case in cases:
        work, dtype = case.work, SHORT[case.dtype]
        count = 1 + sum(work.kind in PEERS[name].adapters for name in peers)
        least = work.flops(dtype) / 40e9 + work.least_bytes(dtype) / 10e9
        total += TURNS * budget + count * (PREPARE + CALLS * least)
    return total


def measure_all(
    cases: Sequence[Case], *, peers: list[str], threads: list[int], budget: float
) -> dict[str, Any]:
    """Every case with every number of threads: what bench.json holds.

    With more than one thread only those cases run whose call takes ``workers=``.
    """
    begin = time.perf_counter()
    results: dict[str, Any] = {
        "machine": {"cpu": cpu_name(), "cpus": cpu_count(), "system": platform.platform()},
        "versions": {"kronvec": kv.__version__, "numpy": np.__version__},
        "isa": instruction_sets(),
        "seconds_per_case": budget,
        "passes": [],
    }
    chosen = {count: [c for c in cases if count == 1 or c.work.threaded] for count in threads}
    chosen = {count: some for count, some in chosen.items() if some}
    seconds = sum(expected_seconds(some, peers, budget) for some in chosen.values())
    parts = [f"{len(some)} with {threads_text(count)}" for count, some in chosen.items()]
    console.print(f"Cases: {', '.join(parts)}.  Peers: {len(peers)}.  About {minutes(seconds)}.")
    columns = (
        *(TextColumn("{task.description:12}"), BarColumn(bar_width=24), MofNCompleteColumn()),
        *(TimeElapsedColumn(), TextColumn("{task.fields[note]}")),
    )
    with Progress(*columns, console=console) as progress:
        for count, some in chosen.items():
            names = [c.name for c in some]
            task = progress.add_task(threads_text(count), total=len(names), note="starting")

            def note(task: int = task, **event: Any) -> None:
                kind = event["event"]
                if kind in ("start", "note"):
                    progress.update(task, note=event.get("name") or event["text"])
                elif kind in ("row", "failed"):
                    progress.advance(task)

            one = measure(names, peers, count, budget, note)
            progress.update(task, note="")
            for row in one["rows"]:
                add_figures(row, one["machine"])
            one["verdicts"] = judge(one["rows"], cases) if count == 1 else []
            results["passes"].append(one)
    results["seconds"] = time.perf_counter() - begin
    return results


def threads_text(count: int) -> str:
    """1 thread, 2 threads."""
    return f"{count} thread{'s' if count > 1 else ''}"


def minutes(seconds: float) -> str:
    """A duration that is only roughly known."""
    return f"{seconds / 60:.0f} minutes" if seconds > 100 else f"{seconds:.0f} s"


def instruction_sets() -> str:
    """What the kernels run on."""
    table = kv._kernels.kernel_table()
    return ", ".join(sorted({isa for served in table.values() for isa in served.values()}))


def print_report(results: dict[str, Any]) -> None:
    """The tables: machine, cases, verdicts, and what did not run."""
    for one in results["passes"]:
        console.print(machine_line(results, one))
        console.print(case_table(one))
        if one["verdicts"]:
            console.print(verdict_table(one["verdicts"]))
        for name, error in (one["missing"] | one["failed"]).items():
            console.print(f"[red]{name}[/]: {error}", markup=True)
        for name, reason in sorted(wrong_results(one)):
            console.print(f"[red]{name}[/] {reason}")
    console.print(f"The whole benchmark took {results['seconds']:.0f} s.")


def wrong_results(one: dict[str, Any]) -> set[tuple[str, str]]:
    """(peer, what was wrong) for peers that failed or gave another result than kronvec."""
    return {
        (f"{peer} on {row['name']}", reason)
        for row in one["rows"]
        for peer, reason in row["skipped"].items()
        if reason.startswith("wrong") or "Error" in reason
    }


def machine_line(results: dict[str, Any], one: dict[str, Any]) -> str:
    """The roofline's figures."""
    peak, copies = one["machine"]["peak"], one["machine"]["copy"]
    largest = max(copies, key=int)
    return (
        f"\n{results['machine']['cpu']}, {one['threads']} of {results['machine']['cpus']} CPUs, "
        f"{results['isa']}: {peak['float32'] / 1e9:.0f} / {peak['float64'] / 1e9:.0f} GF/s "
        f"float32 / float64, copy {copies[largest] / 1e9:.0f} GB/s in memory, "
        f"{max(copies.values()) / 1e9:.0f} in cache\n"
        "peers: " + ", ".join(f"{name} {version}" for name, version in one["peers"].items())
    )


def case_table(one: dict[str, Any]) -> Table:
    """A line for each case."""
    count = one["threads"]
    table = Table(title=f"Least time of a call, {threads_text(count)}")
    table.add_column("case", no_wrap=True)
    for column in ("kronvec", "out=", "best peer"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for column in ("ratio", "ratio out=", "of limit", "extra memory"):
        table.add_column(column, justify="right")
    group = None
    for row in one["rows"]:
        if group not in (None, row["group"]):
            table.add_section()
        group = row["group"]
        own, ratio = row["seconds"]["kronvec"], row.get("ratio", {})
        best = row.get("best_peer", {}).get("fresh") or row.get("best_peer", {}).get("out")
        kind = "fresh" if "fresh" in own else "out"
        other = own[kind] * ratio[kind] if best else None
        extra = row["extra_bytes"]
        table.add_row(
            row["name"],
            duration(own.get("fresh")),
            duration(own.get("out")),
            duration(other),
            best or "",
            times(ratio.get("fresh")),
            times(ratio.get("out")),
            f"{row['limit_fraction'].get('out', row['limit_fraction'].get('fresh')):.0%}",
            memory(extra.get("out", extra.get("fresh"))),
        )
    table.caption = (
        "ratio: the fastest peer's time over kronvec's, fresh results; then both into an array "
        "that is there\nof limit: the fraction of the roofline that kronvec reaches into out="
    )
    return table


def verdict_table(verdicts: list[dict[str, Any]]) -> Table:
    """A line for each target."""
    table = Table(title="Targets: times faster than the best peer, or than what is named")
    table.add_column("target")
    for column in ("cases", "mean", "asked", "worst", "asked", "below"):
        table.add_column(column, justify="right")
    table.add_column("falls shortest")
    for v in verdicts:
        style = "green" if v["met"] else "red"
        table.add_row(
            f"[{style}]{v['label']}[/]",
            *(str(v["cases"]), times(v["mean"]), times(v["mean_asked"])),
            *(times(v["worst"]), times(v["worst_asked"]), str(len(v["below"]))),
            v["worst_case"],
        )
    return table


def times(value: float | None) -> str:
    """A ratio."""
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def duration(seconds: float | None) -> str:
    """Three significant digits in the unit that suits."""
    if seconds is None:
        return ""
    for unit, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds * 1e9:.3g} ns"


def memory(size: float) -> str:
    """Three significant digits in the unit that suits."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} B"
