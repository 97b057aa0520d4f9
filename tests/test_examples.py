"""The examples run and their figures hold; skipped where what they need is not installed."""

import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"

# What an example needs besides the tests' own packages, and a check of what main returns.
EXAMPLES = {
    "gp_torch": (
        ["matplotlib", "torch", "linear_operator"],
        lambda found: found[0] < 1e-9 and found[1] < 0.15,
    ),
    "heat_lyapunov": (["matplotlib"], lambda found: max(found) < 1e-10),
    "var_covariance": (["matplotlib", "statsmodels"], lambda worst: worst < 1e-12),
}


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no examples beside the tests")
def test_every_example_is_listed():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(EXAMPLES)


@pytest.mark.filterwarnings("ignore")  # what statsmodels and matplotlib say is theirs
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name, tmp_path):
    needed, holds = EXAMPLES[name]
    if not (FOLDER / f"{name}.py").exists():
        pytest.skip("no examples beside the tests")
    for package in needed:
        pytest.importorskip(package)
    picture = tmp_path / "picture.png"
    small = {"heat_lyapunov": (picture, 12), "gp_torch": (picture, 8, 30)}
    arguments = small.get(name, (picture,))
    assert holds(load(name).main(*arguments))
    assert picture.stat().st_size > 10_000
