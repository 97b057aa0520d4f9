"""The benchmark, ``python -m kronvec bench``: kronvec, the installed peers, and the hardware.

Reading order: cases.py (every case and its target, once), work.py, small_work.py and
tensor_work.py (what a case computes, costs, and is verified by), registry.py, numpy_peers.py,
the *_peers.py (how others compute it), timing.py (verify, then time in
turns), machine.py (the roofline), launch.py (a process for each number of threads), summary.py
(ratios and targets), report.py and plots.py.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

EXTRA = ("matplotlib", "rich")  # the optional dependencies `kronvec[bench]`
BUDGET = {False: 0.5, True: 0.12}  # seconds of timing a case, without and with --quick


def run(
    *,
    cases: Sequence[str] = (),
    peers: Sequence[str] | None = None,
    threads: Sequence[int] | None = None,
    quick: bool = False,
    out: str = "kronvec-bench",
) -> dict[str, Any]:
    """Measure, print the tables, write ``bench.json`` and the plots to the folder ``out``.

    Parameters
    ----------
    cases : sequence of str
        Groups, parts of names, or globs over names; every case by default.
    peers : sequence of str, optional
        Names of peers; every installed one by default.
    threads : sequence of int, optional
        Numbers of threads, one process each; one and then all CPUs by default, one for quick.
    quick : bool
        Less time for each case.
    out : path
        A folder, made if it is not there.

    Returns
    -------
    dict
        What ``bench.json`` holds.

    Raises
    ------
    SystemExit
        With a message if an optional dependency is missing, a case or a peer is unknown, or
        ``out`` cannot be written.
    """
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise SystemExit(
            f"The benchmark needs {', '.join(missing)}. Install with:  pip install 'kronvec[bench]'"
        )
    from .cases import select
    from .machine import cpu_count
    from .peers import PEERS

    unknown = [name for name in peers or () if name not in PEERS]
    if unknown:
        raise SystemExit(f"No peer {', '.join(unknown)}. There are: {', '.join(PEERS)}.")
    chosen = select(cases)
    if not chosen:
        raise SystemExit("No case matches. See:  python -m kronvec bench --list")
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"Cannot write to {out}: {error.strerror}.") from None
    from .plots import draw
    from .report import measure_all, print_report

    results = measure_all(
        chosen,
        peers=[n for n in PEERS if PEERS[n].installed() and (peers is None or n in peers)],
        threads=list(threads or ([1] if quick else dict.fromkeys([1, cpu_count()]))),
        budget=BUDGET[quick],
    )
    print_report(results)
    file = folder / "bench.json"
    file.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("Written:", file, *draw(results, folder))
    return results


def listing() -> str:
    """The names of all cases and peers, with what is installed."""
    from .cases import all_cases
    from .peers import PEERS

    lines = [case.name for case in all_cases()]
    lines += ["", "peers:"]
    for name, peer in PEERS.items():
        lines.append(f"  {name:18} {peer.version() if peer.installed() else 'not installed'}")
    return "\n".join(lines)
