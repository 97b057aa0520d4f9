"""Every case of ``kronvec.bench`` as an asv parameter: time, and memory beyond the result."""

import zlib

import numpy as np

from kronvec.bench.cases import SHORT, all_cases
from kronvec.bench.timing import extra_bytes

CASES = {case.name: case for case in all_cases()}


class _Group:
    """The cases of one group, into a fresh result and into ``out=``."""

    param_names = ["case", "result"]
    timeout = 120

    def setup(self, name, kind):
        """Operands from the same seed as in ``python -m kronvec bench``."""
        case = CASES[name]
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        calls = case.work.calls(case.work.operands(SHORT[case.dtype], rng))
        if kind not in calls:
            raise NotImplementedError("asv leaves it out")
        self.call = calls[kind]

    def time(self, name, kind):
        """Seconds of a call."""
        self.call()

    def track_extra_bytes(self, name, kind):
        """What a call holds at its height beyond its result."""
        return extra_bytes(self.call, fresh=kind == "fresh")

    track_extra_bytes.unit = "bytes"


for group in dict.fromkeys(case.group for case in CASES.values()):
    class_name = group.title().replace("-", "")
    params = [[name for name, case in CASES.items() if case.group == group], ["fresh", "out"]]
    globals()[class_name] = type(class_name, (_Group,), {"params": params, "__doc__": group})
