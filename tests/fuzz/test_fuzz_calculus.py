"""Every rule of the calculus: values are those of arrays, vjp is the adjoint of jvp."""

import numpy as np
import pytest
from judge import Untouched, fuzzed, outcome
from operands import ALL_LAYOUTS, LAYOUT_NAMES, one_of_all
from test_fuzz_refusals import THINGS

from calculus_cases import CASES
from helpers import REPEATING, random
from kronvec.calculus import D, Variable

RULES = {}
for _case in CASES:
    RULES.setdefault(_case.rule, []).append(_case)
every_rule = pytest.mark.parametrize("rule", RULES)
# Every layout but those that repeat entries: a repeated matrix is singular.
LAID = [n for n in LAYOUT_NAMES if not n.startswith((*REPEATING, "windows", "one_entry"))]


@every_rule
@fuzzed
def test_vjp_is_the_adjoint_of_jvp_whatever_the_layout(rule, data):
    case, dtype, seed, *layouts = data.draw(
        one_of_all(RULES[rule], ("float64", "float32", "complex128"), range(9), LAID, LAID)
    )
    if dtype == "complex128" and not case.holomorphic:
        return
    operands = list(map(np.asarray, case.operands(dtype, seed)))
    laid = [ALL_LAYOUTS[layouts[i % 2]](a) if a.ndim else a for i, a in enumerate(operands)]
    i = seed % len(laid)
    x = Variable(laid[i], "X")
    with Untouched(laid):
        y = case.call(*(x if j == i else a for j, a in enumerate(laid)))
        expected = case.call(*operands)
        eps = np.finfo(np.result_type(y.dtype)).eps
        size = 1 + np.abs(expected).max(initial=0)
        assert np.abs(y.value - expected).max(initial=0) <= 1e3 * eps * size
        dx = random(dtype, *x.shape, seed=seed + 1)
        g = random(y.dtype.newbyteorder("="), *y.shape, seed=seed + 2)
        pushed, pulled = D(y, x).jvp(dx), D(y, x).vjp(g)
    scale = 1 + np.abs(g).sum() * np.abs(pushed).max(initial=0)
    scale += np.abs(dx).sum() * np.abs(pulled).max(initial=0)
    assert abs(np.vdot(g, pushed).real - np.vdot(pulled, dx).real) <= 1e2 * eps * scale


@every_rule
@fuzzed
def test_what_is_no_operand_is_refused(rule, data):
    case, thing, seed = data.draw(one_of_all(RULES[rule], list(THINGS), range(9)))
    operands = list(map(np.asarray, case.operands("float64", seed)))
    i = seed % len(operands)
    x = Variable(operands[i], "X")
    others = [x if j == i else THINGS[thing] for j in range(len(operands))]
    outcome("", case.call, *others)
