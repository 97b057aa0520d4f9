"""Every case of ``kronvec.bench`` as an asv parameter: time, and memory beyond the result."""

import zlib

import numpy as np

from kronvec.bench.cases import SHORT, all_cases
from kronvec.bench.timing import extra_bytes

CASES = {case.name: case for case in all_cases()}


class _Group:
    """The cases of one group; asv runs each of its methods for each case."""

    param_names = ["case"]
    timeout = 120

    def setup(self, name):
        """Operands from the same seed as in ``python -m kronvec bench``."""
        case = CASES[name]
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        calls = case.work.calls(case.work.operands(SHORT[case.dtype], rng))
        self.fresh, self.out = calls.get("fresh"), calls.get("out")

    def time_fresh(self, name):
        """A new result."""
        if self.fresh is None:
            raise NotImplementedError("in place only")
        self.fresh()

    def time_out(self, name):
        """Into an array that is there."""
        if self.out is None:
            raise NotImplementedError("no out=")
        self.out()

    def track_extra_bytes(self, name):
        """What a call holds at its height beyond its result."""
        call = self.out or self.fresh
        return extra_bytes(call, fresh=self.out is None)

    track_extra_bytes.unit = "bytes"


for group in dict.fromkeys(case.group for case in CASES.values()):
    class_name = group.title().replace("-", "")
    names = [name for name, case in CASES.items() if case.group == group]
    globals()[class_name] = type(class_name, (_Group,), {"params": [names], "__doc__": group})
