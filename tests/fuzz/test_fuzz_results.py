"""Every function on every operand: the result is the definition's, within the error bound."""

import numpy as np
import pytest
from hypothesis import strategies as st
from judge import defined, fuzzed, outcome
from operands import ROWS, arguments

from helpers import map_arrays

every_function = pytest.mark.parametrize("name", ROWS)


@every_function
@fuzzed
def test_results_are_those_of_the_definition(name, data):
    operation = data.draw(st.sampled_from(ROWS[name]))
    args, sizes, samples = data.draw(arguments(operation))
    plain = map_arrays(np.array, args)
    result, refusal = outcome(name, operation, *args)
    if refusal is not None:  # batches that do not broadcast, such as a cotangent's
        assert not defined(operation, plain), refusal
    else:
        operation.compare(result, plain, sizes, samples)
