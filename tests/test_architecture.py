"""The shape of the package: layers, light import, sizes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

import ntkfreq

ROOT = Path(ntkfreq.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
# A module imports from its own level or from below.
LEVELS = {
    "_support": 0,
    "files": 1,
    "spectra": 1,
    "numerics": 2,
    "problem": 3,
    "recursion": 4,
    "plotting": 2,
    "ntk": 5,
    "pde": 5,
    "network": 5,
    "symbolic": 5,
    "sweeps": 6,
    "comparison": 6,
    "grokking": 6,
    "profile": 6,
    "images": 6,
    "report": 7,
    "validate": 7,
    "experiments": 7,
    "cli": 8,
    "__main__": 8,
}
# Inside the solver, by folder: in time, elements, one folder a measure and dimension; beside them
# the modules at its top, which see a method only through its interface.
INSIDE_PDE = {
    "time": 0,
    "judging": 1,
    "elements": 2,
    "line": 4,
    "plane": 6,
    "radial": 4,
    "box": 4,
    "points": 4,
    "lattice": 5,
    "box_plane": 5,
    "solution": 9,
    "stepped": 10,
    "expected": 11,
    "batches": 10,
}
AT_THE_TOP = {
    "demand": 0,
    "moved_origin": 0,
    "refine": 1,
    "method": 3,
    "clock": 4,
    "methods": 4,
    "asked_test": 5,
    "discretize": 7,
    "solve": 12,
}
MEASURES = {"Line", "Box", "Grid", "Points", "Measure"}
FAMILIES = {"Normal", "Laplace", "Uniform", "StudentT", "Mixture", "Product", "Empirical"}
# A paper's experiment that is about one family.
ABOUT_ONE_FAMILY = {"experiments/periodic.py"}
# Among the numerics of one level: what may not know what.
FORBIDDEN = {("pde", "network"), ("ntk", "network"), ("ntk", "pde"), ("network", "pde")}
HEAVY = ("torch", "numba", "matplotlib", "sympy", "dask", "scipy", "xarray", "finufft")


def home(module: str) -> str | None:
    """Top-level part of the package that a dotted name belongs to; None outside of it."""
    head, *rest = module.split(".")
    if head != "ntkfreq":
        return None
    return rest[0] if rest else ""


def imports_of(path: Path) -> set[str]:
    """Parts of the package imported anywhere in a file, inside functions and for types as well."""
    parts: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        parts |= {part for part in map(home, names) if part is not None}
    return {part for part in parts if part in LEVELS}


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    part = part_of(path)
    if part == "__init__":
        return
    for other in imports_of(path):
        assert LEVELS[other] <= LEVELS[part], f"{part} imports {other}"
        assert (part, other) not in FORBIDDEN, f"{part} imports {other}"


def test_graph_of_one_level_has_no_cycle():
    """Parts of one level may import each other, one way."""
    edges = {(part_of(path), other) for path in FILES for other in imports_of(path)}
    for one, other in edges:
        if one != other:
            assert (other, one) not in edges, f"{one} and {other} import each other"


def test_every_module_has_a_level():
    assert {part_of(path) for path in FILES} - {"__init__"} <= set(LEVELS)


def inside_pde(module: str) -> str | None:
    """Folder or module of the solver that a dotted name belongs to."""
    if not module.startswith("ntkfreq.pde."):
        return None
    return module.removeprefix("ntkfreq.pde.").split(".")[0]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "pde").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_imports_inside_the_solver_point_down(path):
    levels = INSIDE_PDE | AT_THE_TOP
    own = path.relative_to(ROOT / "pde").parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                other = inside_pde(f"{node.module}.{alias.name}")
                if other not in (None, own):
                    assert levels[other] < levels[own], f"{own} imports {other}"


def told_apart(path: Path) -> list[tuple[str, int]]:
    """Names of measures and families that a file tells apart with isinstance, and the lines."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            names = {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)}
            found += [(name, node.lineno) for name in names & (MEASURES | FAMILIES)]
    return found


def test_measures_and_densities_are_asked_and_not_told_apart():
    """The one test of the type of a measure is `is_measure`, which has no name of one in it."""
    for path in FILES:
        place = path.relative_to(ROOT).as_posix()
        if place not in ABOUT_ONE_FAMILY:
            assert not told_apart(path), place


def test_a_chain_of_types_would_be_seen(tmp_path):
    (tmp_path / "new.py").write_text("if isinstance(measure, (Line, Grid)):\n    pass\n")
    assert dict(told_apart(tmp_path / "new.py")) == {"Line": 1, "Grid": 1}


def test_prediction_and_network_meet_above_both():
    both = [
        part_of(path) for path in FILES if {"pde", "network"} <= imports_of(path) | {part_of(path)}
    ]
    assert set(both) <= {"__init__", "comparison", "report", "cli"}
    assert "comparison" in both


def test_import_loads_no_engine():
    code = "import sys, ntkfreq; print([m for m in sys.argv[1:] if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_solving_loads_neither_torch_nor_numba():
    code = (
        "import sys, ntkfreq as n; "
        "n.solve_frequency_pde(n.Normal(), ([0.0, 1.0], [1.0, 2.0]), t=[0.0, 1.0]); "
        "print([m for m in sys.argv[1:] if m in sys.modules])"
    )
    light = ("torch", "numba", "matplotlib", "sympy", "dask", "xarray")
    done = subprocess.run(
        [sys.executable, "-c", code, *light], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_public_names_resolve():
    for name in ntkfreq.__all__:
        assert getattr(ntkfreq, name) is not None
    assert set(ntkfreq.__all__) <= set(dir(ntkfreq))


def test_public_names_are_documented():
    for name in ntkfreq.__all__:
        if name != "__version__":
            assert getattr(ntkfreq, name).__doc__


def code_lines(path: Path) -> int:
    """Lines that hold code: neither blank, nor comment, nor docstring."""
    source = path.read_text(encoding="utf-8")
    taken: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            assert node.end_lineno is not None
            taken |= set(range(node.lineno, node.end_lineno + 1))
    lines = enumerate(source.splitlines(), start=1)
    return sum(k not in taken and line.strip()[:1] not in ("", "#") for k, line in lines)


def test_file_sizes():
    lengths = [len(path.read_text(encoding="utf-8").splitlines()) for path in FILES]
    assert median(map(code_lines, FILES)) <= 110
    assert median(lengths) <= 150
    assert max(lengths) <= 400


def body_length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body of a function, without signature and docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not body:
        return 0
    assert node.end_lineno is not None
    return node.end_lineno - body[0].lineno + 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert body_length(node) <= 70, f"{node.name} has {body_length(node)} lines"


def test_no_exponential_of_its_own():
    """The Fourier convention lives in `spectrum`; elsewhere nothing writes exp(-1j ...)."""
    for path in FILES:
        if path.name == "spectrum.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.exp", "cmath.exp"):
                text = ast.unparse(node)
                # The Box multiplies by the phase of its centre, which is no transform.
                assert "1j" not in text or path.name == "box.py", f"{path.name}: {text}"


def test_a_class_name_has_one_meaning():
    homes: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(path.relative_to(ROOT).as_posix())
    twice = {name: where for name, where in homes.items() if len(where) > 1}
    assert not twice
