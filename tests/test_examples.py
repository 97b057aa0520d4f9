"""The scripts under examples/ run, and find what they say."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="no examples beside the tests")


@pytest.fixture
def run(monkeypatch, tmp_path):
    """run(name, **constants): the names of a script after it ran as a program.

    Names in capitals at its top level can be given smaller values.  It must write the picture.
    """
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    def run(name, **constants):
        path, picture = EXAMPLES / f"{name}.py", tmp_path / "picture.png"
        tree = ast.parse(path.read_text(encoding="utf-8"), path)
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in constants:
                value = constants.pop(ast.unparse(node.targets[0]))
                node.value = ast.copy_location(ast.parse(repr(value), mode="eval").body, node)
        assert not constants, f"{name} has no {list(constants)}"
        monkeypatch.setattr(sys, "argv", [str(path), str(picture)])
        names = {"__name__": "__main__", "__file__": str(path)}
        exec(compile(ast.fix_missing_locations(tree), path, "exec"), names)
        assert picture.read_bytes().startswith(b"\x89PNG")
        return names

    yield run
    pyplot.close("all")


def test_every_example_is_run_here():
    text = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert f'run("{path.stem}"' in text, path


def test_kronecker_sums_solve_poisson_as_sparse_lu_does(run):
    pytest.importorskip("scipy")
    names = run("poisson", SIZES={2: (8, 16), 3: (4, 6)})
    rows = [row for rows in names["found"].values() for row in rows]
    assert [row["unknowns"] for row in rows] == [64, 256, 64, 216]
    assert max(row[f"{name} error"] for row in rows for name in ("kronvec", "splu")) < 1e-13
    assert names["heat_difference"] < 1e-12


def test_the_terrain_is_nearer_to_the_truth_than_what_scipy_interpolates(run):
    pytest.importorskip("scipy")
    names = run("terrain", STRIDE=4)
    assert names["residual"] < 1e-9
    errors = names["errors"]
    assert errors["kronvec"] < min(errors["nearest"], errors["linear"])


@pytest.mark.filterwarnings("ignore")  # what statsmodels says of itself
def test_a_multinomial_logit_is_that_of_statsmodels(run):
    pytest.importorskip("statsmodels")
    names = run("party_choice")
    assert names["difference"] < 1e-7
    assert names["error_difference"] < 1e-7
    assert names["gaps"]["Newton"][-1] < 1e-9
    assert names["gaps"]["Kronecker bound"][-1] < names["gaps"]["gradient ascent"][-1] / 100


def test_the_largest_gradients_are_those_of_wrong_labels(run):
    pytest.importorskip("sklearn")
    names = run("per_sample_gradients", LATE=100)
    assert names["difference"] < 1e-13
    assert names["precision"] > 0.85
    assert min(names["accuracies"].values()) > 0.9


def test_a_photograph_is_sharper_and_solves_the_normal_equations(run):
    for package in ("scipy", "sklearn"):
        pytest.importorskip(package)
    names = run("deblurring", STRIDE=4)
    assert max(np.max(np.abs(names["residual"])), names["difference"]) < 1e-10
    decibels = names["decibels"]
    assert decibels["Wiener"] > decibels["Tikhonov"] > decibels["blurred"] + 2


@pytest.mark.filterwarnings("ignore")  # what QuTiP says of itself
def test_the_states_of_a_damped_chain_are_those_of_qutip(run):
    pytest.importorskip("qutip")
    names = run("lindblad", QUBITS=(3, 4))
    assert names["entries"] < 1e-15
    assert max(names["differences"]) < 1e-8
    assert names["decay"] < 1e-12


def test_the_gramian_of_the_plate_by_both_routes(run):
    pytest.importorskip("scipy")
    names = run("heat_lyapunov", POINTS=12)
    assert max(names["residual"], names["difference"]) < 1e-10


@pytest.mark.filterwarnings("ignore")  # what statsmodels says of itself
def test_the_covariances_are_those_of_statsmodels(run):
    pytest.importorskip("statsmodels")
    assert max(run("var_covariance")["differences"].values()) < 1e-12


@pytest.mark.filterwarnings("ignore")  # what torch says of itself
def test_a_process_trained_by_torch_is_that_of_linear_operator(run):
    for package in ("torch", "linear_operator"):
        pytest.importorskip(package)
    names = run("gp_torch", POINTS=8, STEPS=30)
    assert names["difference"] < 1e-9
    assert names["error"] < 0.15


def test_the_claims_of_papers_are_judged(run, capsys):
    findings = run("check_a_paper")["findings"]
    wrong = [f.claim.title for f in findings if "WRONG" in f.note]
    assert wrong == [
        "the same, as printed for a symmetric X",
        "the same, with a sign lost",
        "the same, vec stacking rows in silence",
    ]
    assert all(f.error < 1e-14 for f in findings if f.note == "holds")
    assert "kronvec  Xᵀ ⊗ I + I ⊗ X" in capsys.readouterr().out


def test_the_natural_gradient_falls_faster_step_by_step(run):
    pytest.importorskip("sklearn")
    names = run("natural_gradient", SECONDS=0.3)
    plain = names["curves"]["gradient descent"][1.0]
    natural = names["curves"]["natural gradient"][0.3]
    for times, losses in (plain, natural):
        assert np.all(np.isfinite(losses)) and np.all(np.diff(times) > 0)
    steps = min(len(plain[1]), len(natural[1])) - 1
    if steps > 10:
        assert natural[1][steps] < plain[1][steps]
    assert 0 <= names["accuracy"](*names["test"], names["weights"]) <= 1

    rng = np.random.default_rng(0)
    A, G = (f @ f.T for f in (rng.standard_normal((5, 5)), rng.standard_normal((3, 3))))
    gradient = rng.standard_normal((5, 3))
    F = np.kron(G, A) + names["DAMPING"] * np.eye(15)
    expected = np.linalg.solve(F, gradient.ravel("F")).reshape((5, 3), order="F")
    np.testing.assert_allclose(names["natural"](gradient, A, G), expected, rtol=1e-8)
