"""What produced a result: versions, and a hash of the code."""

from __future__ import annotations

import ast
import hashlib
import inspect
import platform
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import ntkfreq

_PACKAGE = Path(ntkfreq.__file__).parent
_ENGINE = Path(__file__).parent
# Parts of the package that no number depends on: changing them keeps what was computed.
_ABOUT = ("cli.py", "plotting", "profile", "report", "sweeps", "validate.py")


def environment() -> dict[str, str]:
    """Versions that a result depends on.

    Examples
    --------
    >>> environment()["ntkfreq"] == __import__("ntkfreq").__version__
    True
    """
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in (
        "ntkfreq",
        "numpy",
        "scipy",
        "numba",
        "finufft",
        "torch",
        "scikit-image",
        "mlxtend",
    ):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def code_hash(files: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of files, whatever their order.

    Examples
    --------
    >>> len(code_hash([])), code_hash([]) == code_hash(iter([]))
    (64, True)
    """
    mark = hashlib.sha256()
    for path in sorted(files):
        # A checkout may have other line ends.
        mark.update(path.name.encode() + path.read_bytes().replace(b"\r\n", b"\n"))
    return mark.hexdigest()


def script_hash(folder: Path) -> str:
    """Hash of the whole package, of a script's folder, and of what it imports beside it."""
    root = folder.parents[2]
    own = {one for path in folder.glob("*.py") for one in sources(path, root)}
    return code_hash({*_PACKAGE.rglob("*.py"), *own})


def sources(module: Path, root: Path) -> set[Path]:
    """Files that a module below `root` consists of: itself and what it imports, directly or not.

    Of its own top-level package only.
    """
    top = module.relative_to(root).parts[0]
    found, left = set[Path](), [module]
    while left:
        path = left.pop()
        if path in found:
            continue
        found.add(path)
        for name in imported(path):
            if name.split(".")[0] == top:
                place = root.joinpath(*name.split("."))
                both = (place.with_suffix(".py"), place / "__init__.py")
                left += [one for one in both if one.is_file()]
    return found


def imported(path: Path) -> list[str]:
    """Dotted names that a file imports, those of functions and classes among them."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def numerics_hash(function: Callable[..., Any]) -> str:
    """Hash of the package's numerics and of what a function of a script uses there.

    It decides whether values kept by a run that was stopped are still those of the code: what
    only judges or draws may change, what computes may not.
    """
    mark = hashlib.sha256(_used(function).encode())
    home = Path(str(inspect.getsourcefile(function)))
    root = home.parents[function.__module__.count(".")]
    helpers = [path for path in sources(home, root) - {home} if _ENGINE not in path.parents]
    numerics = [path for path in _PACKAGE.rglob("*.py") if _counts(path.relative_to(_PACKAGE))]
    mark.update((code_hash(helpers) + code_hash(numerics)).encode())
    return mark.hexdigest()


def _counts(path: Path) -> bool:
    """Whether numbers depend on a file of the package; lists of names do not compute."""
    return path.name != "__init__.py" and path.parts[0] not in _ABOUT


def _used(function: Callable[..., Any]) -> str:
    """Sources of the definitions at the top of a function's module that it leads to.

    What else stands there (an entry put into a table, a loop) may change any of them: it counts.
    """
    tree = ast.parse(inspect.getsource(inspect.getmodule(function) or function))
    defined: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    defined[part.id] = node
    wanted, found = [function.__name__], dict[str, str]()
    for number, node in enumerate(tree.body):
        if _acts(node):
            found[f"{number}"] = ast.unparse(node)
            wanted += [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    while wanted:
        name = wanted.pop()
        if name in defined and name not in found:
            found[name] = ast.unparse(defined[name])
            wanted += [part.id for part in ast.walk(defined[name]) if isinstance(part, ast.Name)]
    return "\n".join(found[name] for name in sorted(found))


def _acts(node: ast.stmt) -> bool:
    """Whether a statement does more than define a name; what only a script runs does not count."""
    if isinstance(node, ast.Assign):
        return not all(isinstance(target, ast.Name | ast.Tuple) for target in node.targets)
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):
        return "__name__" not in ast.unparse(node.test)
    defines = ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.AnnAssign
    return not isinstance(node, defines)
