"""The sizes of this machine's caches, read when first asked for and never again."""

from __future__ import annotations

import os
import sys
from functools import lru_cache

LEVEL1_DEFAULT = 32 << 10
LEVEL2_DEFAULT = 512 << 10
# Where a second level shared by many cores, or an emulated one, claims more or less, one core
# still works as if it had this much.
LEVEL2_LEAST, LEVEL2_MOST = 256 << 10, 2 << 20

_LINUX_CACHES = "/sys/devices/system/cpu/cpu0/cache"
_MACOS_NAMES = {
    1: ("hw.perflevel0.l1dcachesize", "hw.l1dcachesize"),
    2: ("hw.perflevel0.l2cachesize", "hw.l2cachesize"),
}


@lru_cache(maxsize=1)
def cache_sizes() -> dict[int, int]:
    """Bytes of the cache of each level that holds data; no entry where the system is silent."""
    try:
        if sys.platform == "darwin":
            return _macos_sizes()
        return _linux_sizes(_LINUX_CACHES)
    except (OSError, ValueError, AttributeError):
        return {}


def level1_bytes() -> int:
    """Bytes of a core's first-level data cache."""
    return cache_sizes().get(1, LEVEL1_DEFAULT)


def level2_bytes() -> int:
    """Bytes of a core's second-level cache, within what is sane."""
    return min(max(cache_sizes().get(2, LEVEL2_DEFAULT), LEVEL2_LEAST), LEVEL2_MOST)


def _linux_sizes(folder: str) -> dict[int, int]:
    """From files such as index2/level (2), index2/type (Unified) and index2/size (1024K)."""
    sizes = {}
    for cache in sorted(os.listdir(folder)):
        if not cache.startswith("index"):
            continue
        kind, level, size = (_text(folder, cache, name) for name in ("type", "level", "size"))
        if kind != "Instruction":
            unit = {"K": 1 << 10, "M": 1 << 20}.get(size[-1:], 1)
            sizes[int(level)] = int(size.rstrip("KM")) * unit
    return {level: size for level, size in sizes.items() if size > 0}


def _text(*path: str) -> str:
    with open(os.path.join(*path), encoding="ascii") as file:  # pathlib takes long to import
        return file.read().strip()


def _macos_sizes() -> dict[int, int]:
    """By sysctl; perflevel0 are the fast cores."""
    import ctypes

    sizes, libc = {}, ctypes.CDLL(None)
    for level, names in _MACOS_NAMES.items():
        for name in names:
            value = ctypes.c_int64(0)
            length = ctypes.c_size_t(ctypes.sizeof(value))
            arguments = (name.encode(), ctypes.byref(value), ctypes.byref(length), None, 0)
            if libc.sysctlbyname(*arguments) == 0 and value.value > 0:
                sizes[level] = value.value
                break
    return sizes
