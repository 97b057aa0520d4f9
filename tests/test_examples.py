"""The scripts under examples/ run, and find what they say."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="no examples beside the tests")


def load(name):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_run_here():
    text = Path(__file__).read_text(encoding="utf-8")
    assert all(f'load("{path.stem}")' in text for path in EXAMPLES.glob("*.py"))


def test_the_gramian_of_the_plate_by_both_routes(tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "heat.png"
    residual, difference = load("heat_lyapunov").main(str(picture), 12)
    assert max(residual, difference) < 1e-10
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore")  # what statsmodels says of itself
def test_the_covariances_are_those_of_statsmodels(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("statsmodels")
    picture = tmp_path / "var.png"
    assert load("var_covariance").main(str(picture)) < 1e-12
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore")  # what torch says of itself
def test_a_process_trained_by_torch_is_that_of_linear_operator(tmp_path):
    for package in ("matplotlib", "torch", "linear_operator"):
        pytest.importorskip(package)
    picture = tmp_path / "gp.png"
    found = load("gp_torch").main(str(picture), 8, 30)
    assert found[0] < 1e-9
    assert found[1] < 0.15
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_claims_of_papers_are_judged():
    findings = [paper.examine(claim) for paper in [load("check_a_paper")] for claim in paper.CLAIMS]
    wrong = [f.claim.title for f in findings if "WRONG" in f.note]
    assert wrong == [
        "the same, as printed for a symmetric X",
        "the same, with a sign lost",
        "the same, vec stacking rows in silence",
    ]
    assert all(f.error < 1e-14 for f in findings if f.note == "holds")


def test_the_check_of_a_paper_prints_and_draws(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "new" / "paper.png"
    load("check_a_paper").main(str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "kronvec  Xᵀ ⊗ I + I ⊗ X" in capsys.readouterr().out


def test_the_natural_gradient_falls_faster_step_by_step(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    example = load("natural_gradient")
    training, test = example.digits()
    losses = {}
    for method, size in (("gradient descent", 1.0), ("natural gradient", 0.3)):
        times, losses[method], weights = example.train(method, size, *training, 0.5)
        assert np.all(np.isfinite(losses[method])) and np.all(np.diff(times) > 0)
        assert 0 <= example.accuracy(*test, weights) <= 1
    steps = min(map(len, losses.values())) - 1
    if steps > 10:
        assert losses["natural gradient"][steps] < losses["gradient descent"][steps]
    example.main(str(tmp_path / "curves.png"), 0.05)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_curvature_is_a_kronecker_product_solved(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    example, rng = load("natural_gradient"), np.random.default_rng(0)
    A, G = (f @ f.T for f in (rng.standard_normal((5, 5)), rng.standard_normal((3, 3))))
    gradient = rng.standard_normal((5, 3))
    F = np.kron(G, A) + example.DAMPING * np.eye(15)
    expected = np.linalg.solve(F, gradient.ravel("F")).reshape((5, 3), order="F")
    np.testing.assert_allclose(example.natural(gradient, A, G), expected, rtol=1e-8)
