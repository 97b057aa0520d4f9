"""Measures cases in this process: verify, then time everything in turns.

``python -m kronvec.bench.timing SPECIFICATION`` is the process that ``launch.py`` starts for one
number of threads.  It prints one JSON object a line; what libraries print goes to standard error.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import math
import os
import signal
import sys
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .cases import SHORT, Case, all_cases
from .machine import measure_machine
from .peers import PEERS, Unsuitable
from .work import leaves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._typing import Array, Operands
    from .registry import Candidate, Peer
    from .work import Work


SAMPLE = 50e-6  # seconds; shorter calls are repeated between two readings of the clock
TURN = 2e-3  # seconds an entry has before the next one's turn
HOPELESS = 3.0  # times slower than the best peer: stays in for few turns only
PROBES = 2  # turns of everyone
SLOW = 20.0  # times slower than kronvec: a few turns are enough
TRIAL = 50e-3  # seconds; longer calls are tried once after they are verified
PATIENCE = 4  # budgets of time for a peer to be prepared, verified and tried

Entry = tuple[str, str]  # who, and which result: ("kronvec", "out")


def seconds_of(call: Callable[[], Any], loops: int) -> float:
    """Seconds a call, over ``loops`` calls."""
    repeats = itertools.repeat(None, loops)
    begin = time.perf_counter()
    for _ in repeats:
        call()
    return (time.perf_counter() - begin) / loops


def take_turns(
    calls: dict[Entry, Callable[[], Any]], peers: set[Entry], budget: float
) -> dict[Entry, float]:
    """Least seconds of each call, all in turns, for about ``budget`` seconds.

    Drift of the machine and the state of the allocator then treat all alike.  Peers that cannot
    be the best any more, or are far behind kronvec, drop out after their first turns.
    """
    best = {name: seconds_of(call, 1) for name, call in calls.items()}
    running = dict(calls)
    begin, rounds = time.perf_counter(), 0
    while rounds < PROBES or time.perf_counter() < begin + budget:
        for name, call in running.items():
            loops = max(1, int(SAMPLE / max(best[name], 1e-8)))
            samples = min(20, max(1, int(TURN / (best[name] * loops))))
            if best[name] < TURN:
                samples += 1  # the first finds the caches as the others left them
            best[name] = min(best[name], *(seconds_of(call, loops) for _ in range(samples)))
        rounds += 1
        if rounds >= PROBES and peers:
            own = min((t for (who, _), t in best.items() if who == "kronvec"), default=math.inf)
            limit = min(HOPELESS * min(best[name] for name in peers), SLOW * own)
            slow = {name for name in peers if best[name] > limit}
            running = {name: call for name, call in running.items() if name not in slow}
    return best


def extra_bytes(call: Callable[[], Any], fresh: bool) -> int:
    """The bytes that a call holds at its height beyond its result."""
    gc.collect()
    tracemalloc.start()
    try:
        result = call()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return max(0, peak - sum(a.nbytes for a in leaves(result)) if fresh else peak)


@contextlib.contextmanager
def patience(seconds: float) -> Iterator[Any]:
    """Raise Unsuitable if the block takes longer, where the system has timers."""

    def give_up(*_: Any) -> None:
        raise Unsuitable(f"not done in {seconds:g} s")

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fastest_candidate(
    peer: Peer,
    work: Any,
    operands: Operands,
    accept: Callable[..., Any],
    seconds: float,
    own: float,
) -> tuple[Candidate, float]:
    """The best of the ways in which a peer does this work, each verified first, and its time.

    ``own`` is kronvec's time: a way that is long or far slower than it is tried only once after
    it is verified.
    Raises Unsuitable where there is none, and AssertionError where none is right.
    """
    chosen, least, wrong = None, math.inf, None
    try:
        with patience(max(1.0, seconds)):
            for candidate in peer.candidates(work, operands):
                try:
                    accept(candidate.result())
                except AssertionError as error:  # another way may be right
                    wrong = error
                    continue
                time_of_it = once = seconds_of(candidate.call, 1)
                if once < min(SLOW * own, TRIAL):
                    loops = max(1, int(SAMPLE / max(once, 1e-8)))
                    time_of_it = min(once, seconds_of(candidate.call, loops))
                if time_of_it < least:
                    chosen, least = candidate, time_of_it
    except Unsuitable:  # the ways that were tried in time stand
        if chosen is None:
            raise
    if chosen is None:
        raise wrong or Unsuitable("not among its operations")
    return chosen, least


def verified(case: Case) -> tuple[Operands, Any]:
    """Operands that depend on the name alone, and kronvec's result, compared with the oracle."""
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    operands = case.work.operands(SHORT[case.dtype], rng)
    result = case.work.check_call(operands)
    case.work.check(operands, result)
    return operands, result


def try_peers(
    work: Work,
    operands: Operands,
    result: Array,
    names: list[str],
    seconds: float,
    own: float = math.inf,
) -> tuple[dict[str, Any], dict[str, str]]:
    """The fastest candidate of each peer and its time; and why the others are missing."""
    found, skipped = {}, {}
    tolerance = work.tolerance(operands, result)

    def accept(got: Array) -> None:
        work.compare(result, got, tolerance)

    for name in names:
        if work.kind not in PEERS[name].adapters:
            continue
        try:
            found[name] = fastest_candidate(PEERS[name], work, operands, accept, seconds, own)
        except Unsuitable as reason:
            skipped[name] = str(reason)
        except AssertionError as error:
            skipped[name] = f"wrong: {error}"
        except Exception as error:
            skipped[name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    return found, skipped


def measure_case(case: Case, peer_names: list[str], threads: int, budget: float) -> dict[str, Any]:
    """One row: verified results, seconds by entry, memory, and why a peer is missing."""
    work, dtype = case.work, SHORT[case.dtype]
    operands, result = verified(case)
    row: dict[str, Any] = {
        **{"name": case.name, "group": case.group, "dtype": dtype, "kind": work.kind},
        **{"flops": work.flops(dtype), "bytes": work.least_bytes(dtype), "threads": threads},
        **{"entries": sum(a.size for a in leaves(result)), "seconds": {}},
    }
    own = work.calls(operands, threads)
    once = min(seconds_of(call, 1) for call in own.values())
    enough = max(PATIENCE * budget, 3 * SLOW * once)
    found, row["skipped"] = try_peers(work, operands, result, peer_names, enough, once)
    least = min((seconds for _, seconds in found.values()), default=0)
    calls: dict[Entry, Callable[[], Any]] = {}
    for name, (candidate, seconds) in found.items():
        if seconds > HOPELESS * least:  # no turns for it: what the trial showed stands
            row["seconds"][name] = {"fresh": seconds}
            continue
        calls[name, "fresh"] = candidate.call
        if candidate.into is not None:
            calls[name, "out"] = candidate.into
    peers = set(calls)

    row["extra_bytes"] = {kind: extra_bytes(call, kind == "fresh") for kind, call in own.items()}
    calls |= {("kronvec", kind): call for kind, call in own.items()}
    constants = {}
    for name, reference in work.references(operands).items():
        if callable(reference):
            calls[name, "reference"] = reference
        else:
            constants[name, "reference"] = reference
    gc.collect()
    gc.disable()
    try:
        best = take_turns(calls, peers, budget)
    finally:
        gc.enable()
    for (who, kind), seconds in (best | constants).items():
        row["seconds"].setdefault(who, {})[kind] = seconds
    return row


def main(specification: str) -> None:
    """Measure the cases named in the specification, a JSON object."""
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what peers print to standard output must not mix with ours

    def tell(**event: Any) -> None:
        events.write(json.dumps(event) + "\n")

    wanted = json.loads(specification)
    threads = wanted["threads"]
    peers = []
    for name in wanted["peers"]:
        tell(event="note", text=f"loading {name}")
        try:
            PEERS[name].load(threads)
            peers.append(name)
        except Exception as error:
            tell(event="peer", name=name, error=f"{type(error).__name__}: {error}")
    tell(event="peers", versions={name: PEERS[name].version() for name in peers})
    tell(event="machine", figures=measure_machine(threads))
    cases = {case.name: case for case in all_cases()}
    for number, name in enumerate(wanted["cases"]):
        tell(event="start", name=name)
        try:
            row = measure_case(cases[name], peers, threads, wanted["budget"])
            tell(event="row", row=row)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{os.path.basename(last.filename)}:{last.lineno}"
            tell(event="failed", name=name, error=f"{type(error).__name__} at {where}: {error}")
        if number % 8 == 7:  # the machine as it is now, not only as it was
            tell(event="machine", figures=measure_machine(threads, 0.01))
    tell(event="machine", figures=measure_machine(threads))


if __name__ == "__main__":
    main(sys.argv[1])
