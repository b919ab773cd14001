"""Find the codes that the modules of intake can give, in their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from builds import ROOT


def _nodes() -> Iterator[ast.AST]:
    for path in sorted((ROOT / "intake").rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text("utf-8")))


def first_arguments(name: str) -> set[str]:
    """Return the first argument of every call of a function or class; each must be a literal."""
    found = set()
    for node in _nodes():
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        if called == name:
            code = node.args[0]
            assert isinstance(code, ast.Constant), f"line {node.lineno}: {ast.unparse(node)}"
            found.add(code.value)
    assert found, f"nothing calls {name}"
    return found


def notice_codes() -> set[str]:
    """Return the code of everything that is added to a list called notices."""
    found = set()
    for node in _nodes():
        is_append = (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("append", "extend")
            and _is_notices(node.func.value)
        )
        if is_append:
            added: ast.AST = node.args[0]
        elif isinstance(node, ast.AugAssign) and _is_notices(node.target):
            added = node.value
        else:
            continue
        codes = [
            item.value
            for entry in ast.walk(added)
            if isinstance(entry, ast.Tuple)
            for item in entry.elts
            if isinstance(item, ast.Constant) and str(item.value).isidentifier()
        ]
        is_copied = not any(isinstance(entry, ast.Constant) for entry in ast.walk(added))
        assert codes or is_copied, f"line {node.lineno}: {ast.unparse(node)}"
        found |= set(codes)
    return found


def _is_notices(node: ast.AST) -> bool:
    return getattr(node, "attr", getattr(node, "id", None)) == "notices"
