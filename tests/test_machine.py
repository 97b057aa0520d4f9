"""What is read of the machine: cache sizes, once, within bounds."""

import io
import subprocess
import sys

import pytest

import kronvec as kv
from kronvec import _machine, _plan


def write_caches(folder, *caches):
    for i, (level, kind, size) in enumerate(caches):
        (folder / f"index{i}").mkdir()
        for name, value in [("level", level), ("type", kind), ("size", size)]:
            (folder / f"index{i}" / name).write_text(f"{value}\n")


def test_linux_caches_are_read_by_level(tmp_path):
    write_caches(
        tmp_path,
        (1, "Data", "48K"),
        (1, "Instruction", "64K"),
        (2, "Unified", "1280K"),
        (3, "Unified", "24M"),
    )
    sizes = _machine._linux_sizes(tmp_path)
    assert sizes == {1: 48 << 10, 2: 1280 << 10, 3: 24 << 20}


@pytest.mark.parametrize(
    ("size", "expected"),
    [(None, 512 << 10), (1, 256 << 10), (768 << 10, 768 << 10), (64 << 20, 2 << 20)],
)
def test_the_second_level_is_within_bounds(monkeypatch, size, expected):
    monkeypatch.setattr(_machine, "cache_sizes", lambda: {} if size is None else {2: size})
    assert _machine.level2_bytes() == expected
    assert _plan.block_bytes() == expected // 4
    assert _machine.level1_bytes() == _machine.LEVEL1_DEFAULT


def test_the_configuration_shows_the_caches(monkeypatch):
    monkeypatch.setattr(_machine, "cache_sizes", lambda: {1: 48 << 10, 2: 1 << 20})
    text = io.StringIO()
    kv.show_config(file=text)
    assert "L1 48 KiB, L2 1024 KiB" in text.getvalue()


@pytest.mark.parametrize("broken", [("x", "Data", "32K"), (1, "Data", "many")])
def test_a_system_that_says_nothing_useful_is_no_error(monkeypatch, tmp_path, broken):
    write_caches(tmp_path, broken)
    for folder in (tmp_path, tmp_path / "missing"):
        monkeypatch.setattr(_machine, "_LINUX_CACHES", folder)
        monkeypatch.setattr(_machine.sys, "platform", "linux")
        assert _machine.cache_sizes.__wrapped__() == {}


def test_caches_are_read_once_and_not_at_import():
    program = (
        "import kronvec; from kronvec import _machine; "
        "assert _machine.cache_sizes.cache_info().misses == 0; "
        "import numpy as np; f = [np.eye(8)] * 5; "
        "kronvec.kron_matvec(f, np.ones(8**5)); kronvec.kron_matvec(f[:4], np.ones(8**4 + 0)); "
        "kronvec.kron_matmul(f, np.ones((8**5, 2))); "
        "assert _machine.cache_sizes.cache_info().misses == 1"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


class Sysctl:
    """The C library of a Mac, of whose sysctl entries only these are there."""

    def __init__(self, entries):
        self.entries = entries

    def __call__(self, name):
        return self

    def sysctlbyname(self, name, value, length, new, new_length):
        if name.decode() not in self.entries:
            return -1
        value._obj.value = self.entries[name.decode()]
        return 0


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            {
                "hw.perflevel0.l1dcachesize": 128 << 10,
                "hw.l1dcachesize": 64 << 10,
                "hw.perflevel0.l2cachesize": 12 << 20,
                "hw.l2cachesize": 4 << 20,
            },
            {1: 128 << 10, 2: 12 << 20},
        ),
        ({"hw.l1dcachesize": 32 << 10, "hw.perflevel0.l2cachesize": 0}, {1: 32 << 10}),
        ({}, {}),
    ],
    ids=["fast cores", "Intel", "silent"],
)
def test_the_caches_of_a_mac_are_those_of_its_fast_cores(monkeypatch, entries, expected):
    monkeypatch.setattr(_machine.sys, "platform", "darwin")
    monkeypatch.setattr("ctypes.CDLL", Sysctl(entries))
    assert _machine.cache_sizes.__wrapped__() == expected
