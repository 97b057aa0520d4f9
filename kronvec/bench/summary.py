"""From seconds to ratios, roofline fractions, and whether each target is reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .cases import Case
from .machine import limit_seconds

if TYPE_CHECKING:
    from typing import Any

    from .cases import Target


NOT_PEERS = {"kronvec"}


def own_seconds(row: dict[str, Any], result: str) -> float:
    """kronvec's seconds with a fresh result or into ``out=``; the other where there is no such."""
    own: dict[str, float] = row["seconds"]["kronvec"]
    return own.get(result, next(iter(own.values())))


def peer_seconds(row: dict[str, Any], result: str) -> dict[str, float]:
    """Seconds of each peer, likewise; a peer that cannot write to ``out`` counts as it is."""
    times = {}
    for who, seconds in row["seconds"].items():
        if who not in NOT_PEERS and "reference" not in seconds:
            times[who] = min(seconds.values()) if result == "out" else seconds["fresh"]
    return times


def add_figures(row: dict[str, Any], machine: dict[str, Any]) -> None:
    """Put the best peer, the ratios and the fraction of the roofline into a row."""
    for result in ("fresh", "out"):
        own, times = row["seconds"]["kronvec"].get(result), peer_seconds(row, result)
        if own is None:
            continue
        row.setdefault("limit_fraction", {})
        row["limit_seconds"] = limit_seconds(machine, row["flops"], row["bytes"], row["dtype"])
        row["limit_fraction"][result] = row["limit_seconds"] / own
        if times:
            best = min(times, key=times.__getitem__)
            row.setdefault("best_peer", {})[result] = best
            row.setdefault("ratio", {})[result] = times[best] / own


def reached(row: dict[str, Any], target: Target) -> float | None:
    """How many times faster than what the target names; None where that was not measured."""
    own = own_seconds(row, target.result)
    if target.against == "roofline":
        return row["limit_seconds"] / own
    if target.against == "best peer":
        return row.get("ratio", {}).get(target.result)
    if isinstance(target.against, tuple):
        times = [s for who, s in peer_seconds(row, target.result).items() if who in target.against]
        return min(times) / own if times else None
    other = row["seconds"].get(target.against)
    if other is None:
        return None
    other_seconds: float = other.get("reference", other.get(target.result, other.get("fresh")))
    return other_seconds / own


def geometric_mean(values: Sequence[float]) -> float:
    """The mean of ratios."""
    return math.exp(sum(map(math.log, values)) / len(values))


def judge(rows: list[dict[str, Any]], cases: Sequence[Case]) -> list[dict[str, Any]]:
    """One verdict for each label of a target: the mean, the least, and whether they suffice."""
    by_name = {row["name"]: row for row in rows}
    groups: dict[str, list[Any]] = {}
    for case in cases:
        for target in case.targets:
            value = case.name in by_name and reached(by_name[case.name], target)
            if value:
                groups.setdefault(target.label, []).append((value, case.name, target))
    verdicts = []
    for label, entries in groups.items():
        values = [value for value, _, _ in entries]
        mean, asked = geometric_mean(values), entries[0][2].mean
        # The worst case is the one that falls shortest of what it has to reach.
        worst, name, target = min(entries, key=lambda entry: entry[0] / entry[2].each)
        verdicts.append(
            {
                **{"label": label, "cases": len(values), "mean": mean, "mean_asked": asked},
                **{"worst": worst, "worst_asked": target.each, "worst_case": name},
                "below": [name for value, name, t in entries if value < t.each],
                "met": worst >= target.each and (asked is None or mean >= asked),
            }
        )
    return verdicts
