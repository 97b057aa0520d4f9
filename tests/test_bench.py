"""The benchmark: every case at a small size against its definition, and the command line."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from kronvec.__main__ import main
from kronvec.bench import cases, launch, summary, timing
from kronvec.bench.machine import COPIED, limit_seconds
from kronvec.bench.peers import PEERS
from kronvec.bench.registry import Candidate, Peer
from kronvec.bench.timing import measure_case, take_turns

CASES = cases.all_cases()
SMALL = list(
    {
        (c.work.shrunk(), type(c.work), c.dtype): replace(c, work=c.work.shrunk()) for c in CASES
    }.values()
)
NUMPY_PEERS = [name for name, peer in PEERS.items() if peer.module == "numpy"]
every_small_case = pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
MACHINE = {
    "peak": {"float32": 1e11, "float64": 5e10},
    "copy": {str(size): 2e10 for size in COPIED},
}


def operands_of(case):
    return case.work.operands(cases.SHORT[case.dtype], np.random.default_rng(0))


def test_names_are_unique_and_selectable():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert [c.group for c in cases.select(["overhead"])] == ["overhead"]
    assert {c.name for c in cases.select(["grid/f64/1x2^20"])} == {"grid/f64/1x2^20"}
    assert {c.group for c in cases.select(["in-place/*", "kron"])} == {"in-place", "kron"}
    assert cases.select([]) == CASES
    assert cases.select(["no such case"]) == []


@every_small_case
def test_results_agree_with_the_definition(case):
    work, operands = case.work, operands_of(case)
    result = work.check_call(operands)
    work.check(operands, result)
    work.compare(work.oracle(operands), result, work.tolerance(operands, result))
    assert work.flops("complex64") == 4 * work.flops("float32") >= 0
    assert work.least_bytes("float64") > 0


@every_small_case
def test_a_wrong_entry_is_found(case):
    work, operands = case.work, operands_of(case)
    result = work.check_call(operands)
    (result if isinstance(result, np.ndarray) else result[0]).flat[-1] += 1
    with pytest.raises(AssertionError):
        work.check(operands, result)


@every_small_case
def test_peers_on_numpy_agree(case):
    row = measure_case(case, NUMPY_PEERS, threads=1, budget=0)
    assert not [reason for reason in row["skipped"].values() if "wrong" in reason]
    assert not [reason for reason in row["skipped"].values() if "Error" in reason]
    summary.add_figures(row, MACHINE)
    assert row["limit_seconds"] > 0
    assert all(value > 0 for value in row.get("ratio", {}).values())


def test_the_cheapest_order_counts():
    """(8, 4) then (4, 8): shrink first."""
    work = cases.MatmulKron(1, ((8, 4), (4, 8)))
    assert work.multiply_adds() == 32 * 4 + 16 * 8


def test_the_limit_is_the_larger_of_arithmetic_and_memory():
    assert limit_seconds(MACHINE, 10**9, 8, "complex128") == pytest.approx(1 / 50)
    assert limit_seconds(MACHINE, 8, 2 * 10**9, "float32") == pytest.approx(1 / 10)


def test_verdicts_judge_mean_and_worst():
    target = cases.Target("label", each=2.0, mean=5.0)
    pair = [replace(CASES[i], targets=(target,)) for i in (0, 1)]

    def verdict(*ratios):
        rows = [
            {"name": c.name, "seconds": {"kronvec": {"fresh": 1.0}}, "ratio": {"fresh": ratio}}
            for c, ratio in zip(pair, ratios, strict=True)
        ]
        return summary.judge(rows, pair)[0]

    assert verdict(4.0, 9.0)["met"] and verdict(4.0, 9.0)["mean"] == pytest.approx(6)
    assert not verdict(4.0, 4.0)["met"]
    assert verdict(1.0, 100.0)["below"] == [pair[0].name] and not verdict(1.0, 100.0)["met"]


def test_hopeless_peers_drop_out():
    counts = {"fast": 0, "slow": 0}

    def fast():
        counts["fast"] += 1

    def slow():
        counts["slow"] += 1
        sum(range(30_000))

    calls = {("fast", "fresh"): fast, ("slow", "fresh"): slow}
    best = take_turns(calls, set(calls), budget=0.1)
    assert best["fast", "fresh"] < best["slow", "fresh"]
    assert counts["slow"] < 100 < counts["fast"]


def test_a_crash_costs_one_case(monkeypatch):
    def events(names, peers, threads, budget):
        for name in names:
            yield {"event": "start", "name": name}
            if name == "b":
                yield {"event": "crashed", "status": -11, "error": "boom"}
                return
            yield {"event": "row", "row": {"name": name}}

    monkeypatch.setattr(launch, "events_of", events)
    one = launch.measure(["a", "b", "c"], [], 1, 0)
    assert [row["name"] for row in one["rows"]] == ["a", "c"]
    assert one["failed"] == {"b": "status -11: boom"}


def test_the_command_line_writes_json_and_plots(tmp_path, capfd):
    pytest.importorskip("rich", reason="the extra bench is not installed")
    pytest.importorskip("matplotlib", reason="the extra bench is not installed")
    out = tmp_path / "results"
    selection = [part for name in ("overhead", "series/f64/1x8^2") for part in ("--case", name)]
    command = ["bench", "--quick", *selection, "--peers", "numpy,numpy matmul"]
    assert main([*command, "--out", str(out)]) == 0
    results = json.loads((out / "bench.json").read_text(encoding="utf-8"))
    (one,) = results["passes"]
    assert [row["name"] for row in one["rows"]] == ["series/f64/1x8^2", "overhead/f64/1x2^3"]
    assert one["rows"][0]["best_peer"]["fresh"] in NUMPY_PEERS
    assert {v["label"] for v in one["verdicts"]} == {"call of matmul_kron, of 3 µs"}
    for name in ("ratios", "times"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "overhead/f64/1x2^3" in capfd.readouterr().out


def test_unknown_cases_and_peers_are_named(tmp_path):
    pytest.importorskip("rich", reason="the extra bench is not installed")
    pytest.importorskip("matplotlib", reason="the extra bench is not installed")
    from kronvec import bench

    with pytest.raises(SystemExit, match="No case"):
        bench.run(cases=["nothing"], out=str(tmp_path))
    with pytest.raises(SystemExit, match="No peer nobody"):
        bench.run(peers=["nobody"], out=str(tmp_path))


def test_the_list_names_cases_and_peers(capsys):
    assert main(["bench", "--list"]) == 0
    text = capsys.readouterr().out
    assert CASES[0].name in text and "pyfastkron" in text


def test_a_run_takes_minutes():
    pytest.importorskip("rich", reason="the extra bench is not installed")
    from kronvec.bench import BUDGET
    from kronvec.bench.report import expected_seconds, minutes

    whole = expected_seconds(CASES, list(PEERS), BUDGET[False])
    assert expected_seconds(CASES[:1], NUMPY_PEERS, 0.1) < 60 < whole < 15 * 60
    assert (minutes(42.4), minutes(600)) == ("42 s", "10 minutes")


def test_a_wrong_way_does_not_exclude_a_peer():
    def candidates(work, operands):
        yield Candidate(lambda: "wrong")
        yield Candidate(lambda: "right", convert=str)

    def accept(result):
        assert result == "right"

    peer = Peer("peer", "numpy", {"kind": candidates})
    work = SimpleNamespace(kind="kind")
    chosen, _ = timing.fastest_candidate(peer, work, (), accept, 5.0, 1.0)
    assert chosen.result() == "right"
    with pytest.raises(AssertionError):
        peer.adapters["kind"] = lambda work, operands: iter([Candidate(lambda: "wrong")])
        timing.fastest_candidate(peer, work, (), accept, 5.0, 1.0)


def test_peers_far_behind_kronvec_drop_out():
    counts = {"kronvec": 0, "peer": 0}

    def own():
        counts["kronvec"] += 1

    def slow():
        counts["peer"] += 1
        sum(range(30_000))

    calls = {("kronvec", "fresh"): own, ("peer", "fresh"): slow}
    best = take_turns(calls, {("peer", "fresh")}, budget=0.1)
    assert 0 < best["kronvec", "fresh"] < best["peer", "fresh"]
    assert counts["peer"] < 100 < counts["kronvec"]


def test_slow_peers_are_given_up():
    with pytest.raises(timing.Unsuitable), timing.patience(0.05):
        while True:
            pass
