"""The rules that keep the code a place where one finds things: sizes, names, docstrings, true documents."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("accounts", "audit", "fhir", "launch", "oauth", "smartcdr")
LONGEST, MEDIAN, DEEPEST = 400, 100, 3
VAGUE = {"utils", "util", "helpers", "helper", "services", "constants", "misc", "common"}
SPEC_MAP, README = ROOT / "docs" / "spec-map.md", ROOT / "README.md"
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)


def modules() -> list[Path]:
    """The product's modules, without migrations."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts)


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Every module's name and syntax tree."""
    for path in modules():
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def depth(node: ast.AST) -> int:
    """How many levels of blocks stand within each other below this node; `elif` is on its `if`'s level."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
        deepest = max(deepest, depth(child) + (isinstance(child, BLOCKS) and not is_elif))
    return deepest


def test_modules_stay_small() -> None:
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
    assert statistics.median(lengths.values()) <= MEDIAN


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [str(path) for path in modules() if path.stem in VAGUE or path.parent.name in VAGUE] == []


def test_functions_nest_no_deeper_than_three_levels() -> None:
    deep = [
        f"{name}:{one.lineno}" for name, tree in trees() for one in functions(tree) if depth(one) > DEEPEST
    ]
    assert deep == []


def test_every_public_function_class_and_module_says_what_it_is_for() -> None:
    silent = []
    for name, tree in trees():
        is_empty = not tree.body
        if not is_empty and not ast.get_docstring(tree):
            silent.append(name)
        silent += [f"{name}:{node.lineno}" for node in _public(tree) if not ast.get_docstring(node)]
    assert silent == []


def _public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public functions and classes, and public methods of public classes; Django's inner classes aside."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name[0] == "_":
            continue
        yield node
        if isinstance(node, ast.ClassDef):
            yield from (one for one in node.body if isinstance(one, ast.FunctionDef) and one.name[0] != "_")


def test_every_except_names_what_it_expects() -> None:
    too_wide = []
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            ):
                too_wide.append(f"{name}:{node.lineno}")
    assert too_wide == []


def test_only_settings_checks_and_demo_ask_whether_this_is_development() -> None:
    users = [
        name
        for name, tree in trees()
        if name not in ("smartcdr/settings.py", "smartcdr/checks.py")
        and any(
            isinstance(node, ast.Attribute) and node.attr in ("DEBUG", "DEVELOPMENT")
            for node in ast.walk(tree)
        )
    ]
    assert users == ["smartcdr/management/commands/demo.py"]


@pytest.mark.parametrize("document", [SPEC_MAP, ROOT / "docs" / "architecture.md"])
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    named = re.findall(r"`([\w.-]+/[\w./-]*)`", document.read_text(encoding="utf-8"))
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_explains_every_setting() -> None:
    settings = (ROOT / "smartcdr" / "settings.py").read_text(encoding="utf-8")
    variables = set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", settings))
    explained = set(re.findall(r"^\| `([A-Z_]+)` \|", README.read_text(encoding="utf-8"), re.MULTILINE))
    assert variables == explained
