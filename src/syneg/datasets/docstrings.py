"""Docstrings of the standard library, read from its sources without importing anything."""

from __future__ import annotations

import ast
import inspect
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Tests and demonstrations, what many systems package apart or later Pythons dropped, and
# packages that hold data or old code rather than documentation.
_SKIPPED = {
    "__phello__", "distutils", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages",
    "test", "tests", "tkinter", "turtle", "turtledemo",
}  # fmt: skip

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Docstring:
    """What the documentation says of one module, class, function or method.

    Attributes:
        name: Qualified name, as in `os.path.join`.
        signature: How to call it, with its own name only; "" for a module.
        text: The docstring, its indentation removed.

    Example:
        >>> Docstring("m.half", "half(x)", "Return one half of x.").module
        'm'
    """

    name: str
    signature: str
    text: str

    @property
    def module(self) -> str:
        """The top-level module, `os` for `os.path.join`."""
        return self.name.partition(".")[0]


def library_docstrings() -> Iterator[Docstring]:
    """Yield the docstrings of the running interpreter's public standard library.

    Modules come in order of their names, what is in them in the order of their sources. A
    name is public when no part of it begins with an underscore. Modules written in C have no
    sources and are not among them.

    Example:
        >>> next(library_docstrings()).name
        'abc'
    """
    root = Path(sysconfig.get_paths()["stdlib"])
    for module in sorted(sys.stdlib_module_names):
        if not _is_public(module):
            continue
        if (file := root / f"{module}.py").is_file():
            yield from source_docstrings(file.read_bytes(), module)
        elif (package := root / module).is_dir():
            yield from _package_docstrings(package, module)


def source_docstrings(source: bytes | str, module: str) -> list[Docstring]:
    """Return the public docstrings in one module's source, or none if it does not parse.

    Args:
        source: Python source; bytes may declare their encoding.
        module: The module's qualified name.

    Example:
        >>> source_docstrings("def half(x: float): 'Return one half.'", "m")
        [Docstring(name='m.half', signature='half(x: float)', text='Return one half.')]
    """
    with warnings.catch_warnings():
        # Old escapes in the sources are no concern of ours.
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return []
    found = [Docstring(module, "", _doc(tree)), *_inside(tree.body, module)]
    # Of two definitions of one name (a property's setter, a fallback) the first counts.
    return list({entry.name: entry for entry in reversed(found) if entry.text}.values())[::-1]


def _is_public(name: str) -> bool:
    return not name.startswith("_") and name not in _SKIPPED


def _package_docstrings(folder: Path, package: str) -> Iterator[Docstring]:
    start = folder / "__init__.py"
    if start.is_file():
        yield from source_docstrings(start.read_bytes(), package)
    for path in sorted(folder.iterdir()):
        if not _is_public(path.stem):
            continue
        if path.is_dir():
            yield from _package_docstrings(path, f"{package}.{path.name}")
        elif path.suffix == ".py":
            yield from source_docstrings(path.read_bytes(), f"{package}.{path.stem}")


def _inside(body: list[ast.stmt], prefix: str) -> Iterator[Docstring]:
    for node in body:
        if isinstance(node, _Definition):
            if not node.name.startswith("_"):
                name = f"{prefix}.{node.name}"
                yield Docstring(name, _signature(node), _doc(node))
                if isinstance(node, ast.ClassDef):
                    yield from _inside(node.body, name)
        elif isinstance(node, ast.If | ast.With):
            yield from _inside(node.body + getattr(node, "orelse", []), prefix)
        elif isinstance(node, ast.Try):
            handlers = [stmt for handler in node.handlers for stmt in handler.body]
            yield from _inside(node.body + node.orelse + handlers, prefix)


def _doc(node: _Definition | ast.Module) -> str:
    return inspect.cleandoc(ast.get_docstring(node, clean=False) or "").strip()


def _signature(node: _Definition) -> str:
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){returns}"
