"""Starts a process for each number of threads and collects what it reports.

Thread pools read their size from the environment when they are made, so another number of
threads is another process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from .machine import best_of

POOLS = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMBA", "NUMEXPR", "VECLIB_MAXIMUM")


def environment(threads: int) -> dict[str, str]:
    """The variables that give every thread pool this many threads."""
    package = str(Path(__file__).parents[2])
    paths = [package, os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        **{f"{pool}_NUM_THREADS": str(threads) for pool in POOLS},
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", "")
        + f" --xla_cpu_multi_thread_eigen={str(threads > 1).lower()}",
        "JAX_PLATFORMS": "cpu",
    }


def events_of(
    names: list[str], peers: list[str], threads: int, budget: float
) -> Iterator[dict[str, Any]]:
    """What one process reports; a crash is an event, too."""
    specification = {"cases": names, "peers": peers, "threads": threads, "budget": budget}
    command = [sys.executable, "-m", "kronvec.bench.timing", json.dumps(specification)]
    with TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, env=environment(threads), stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            yield from map(json.loads, process.stdout or ())
            status = process.wait()
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if status:
            errors.seek(0)
            lines = errors.read().strip().splitlines() or [""]
            yield {"event": "crashed", "status": status, "error": lines[-1]}


def measure(
    names: list[str],
    peers: list[str],
    threads: int,
    budget: float,
    note: Callable[..., None] = lambda **event: None,
) -> dict[str, Any]:
    """Rows, machine figures, peers and failures for one number of threads.

    If a case brings the process down, the cases after it run in a new one.
    """
    rows, failed, missing, versions = [], {}, {}, {}
    machine: dict[str, Any] = {}
    left = list(names)
    while left:
        current, crashed = None, False
        for event in events_of(left, peers, threads, budget):
            note(**event)
            kind = event["event"]
            if kind == "start":
                current = event["name"]
            elif kind == "row":
                rows.append(event["row"])
            elif kind == "failed":
                failed[event["name"]] = event["error"]
            elif kind == "machine":
                machine = best_of(event["figures"], machine)
            elif kind == "peer":
                missing[event["name"]] = event["error"]
            elif kind == "peers":
                versions = event["versions"]
            elif kind == "crashed":
                crashed = True
                if current is None:
                    raise RuntimeError(f"the measuring process failed: {event['error']}")
                failed[current] = f"status {event['status']}: {event['error']}"
        left = left[left.index(current) + 1 :] if crashed and current is not None else []
    return {
        **{"threads": threads, "rows": rows, "failed": failed, "machine": machine},
        **{"peers": versions, "missing": missing},
    }
