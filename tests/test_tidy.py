"""The house: which way modules lean, how long they grow, and what is said beside every rule that is waived."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "schemabench"

ROWS = (
    {"__main__"},
    {"plugin", "cli"},
    {
        "evaluations",
        "init_command",
        "noise_commands",
        "check_command",
        "balance_command",
        "growth_command",
        "production_command",
        "rehearse_command",
    },
    {"growth"},
    {"crossover"},
    {"bench", "entries", "distribution", "giving_way", "project", "terminal", "loading", "writing"},
    {"workers", "scheduling", "rehearsal"},
    {"experiment", "report", "pgbench"},
    {"monitor", "equivalence", "reach", "frames", "progress", "noise", "deriving", "logged"},
    {"candidate", "workload", "encoding", "server", "load", "statistics", "logs", "production", "projection"},
    {"sqlfile", "options", "cardinality", "machine"},
    {"records", "parsing", "statements", "output"},
    {"sending"},
    {"units", "errors", "naming", "signals", "values"},
    {"redaction", "placing"},
)
"""Each row may import only rows below it. The package's own `__init__` is the interface for authors of workloads and
for those who analyse runs."""
INTERFACE = {"workload", "cardinality", "frames", "loading"}
"""What the package's own `__init__` may import."""
STARTER = "starter"
"""What `schemabench init` copies: a user's files, no modules of ours."""
PURE = {
    "cardinality",
    "errors",
    "frames",
    "loading",
    "naming",
    "options",
    "parsing",
    "projection",
    "records",
    "redaction",
    "report",
    "sending",
    "sqlfile",
    "statements",
    "statistics",
    "units",
    "values",
    "workload",
}
"""Modules that never open a connection."""
DRIVERS = {"psycopg", "docker", "testcontainers"}

FUNCTION_LINES, MODULE_LINES = 70, 400
DRAWERS = {"utils", "helpers", "common", "types", "misc"}
"""Names of modules that take anything."""
PLURAL = re.compile(r" [a-z]+s\b")
"""What follows a count in an f-string: a noun for any count but one."""
LATER = re.compile(r"\b(TODO|FIXME|XXX)\b")  # the pattern of what must not be found

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if STARTER not in path.relative_to(PACKAGE).parts)


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


_tree = cache(_parsed)  # of the package's modules, which several tests ask for


@pytest.fixture(scope="module", autouse=True)
def _forgotten() -> Iterator[None]:
    """Forget the trees at the end: they take 90 MB."""
    yield
    _tree.cache_clear()
    _imports.cache_clear()


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _dotted(path: Path) -> str:
    """Return a module's name within the package, as in `report.files`; empty for the package itself."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


@cache
def _known() -> frozenset[str]:
    """Return the names of all modules within the package."""
    return frozenset(map(_dotted, MODULES))


def _unit(dotted: str) -> str:
    """Return the module or package of the top level that a module belongs to."""
    return dotted.partition(".")[0]


@cache
def _imports(path: Path) -> tuple[tuple[str, str], ...]:
    """Return (top-level package, dotted name) of everything that a module imports; names of ours within the package."""
    return tuple(_found_imports(path))


def _found_imports(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], alias.name.removeprefix("schemabench").removeprefix(".")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            assert node.module is not None
            base = node.module.removeprefix("schemabench").removeprefix(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".removeprefix(".")
                yield node.module.partition(".")[0], inner if inner in _known() else base


def _our_imports(path: Path) -> set[str]:
    return {name for package, name in _imports(path) if package == "schemabench"}


def _functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions below a node; expressions, which hold none, are not looked into."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield child
            yield from _functions(child)


def _text_files(*patterns: str) -> Iterator[Path]:
    folders = ("src", "tests", "workloads", "schemas", "benchmarks", "docs")
    for pattern in patterns:
        yield from ROOT.glob(pattern)
        for folder in folders:
            yield from (ROOT / folder).rglob(pattern)


def test_every_module_has_a_row() -> None:
    units = {_unit(_dotted(path)) for path in MODULES} - {""}

    assert units == set().union(*ROWS)
    assert len(units) == sum(map(len, ROWS)), "a module stands in two rows"


def test_imports_go_down() -> None:
    level = {unit: number for number, row in enumerate(ROWS) for unit in row}
    wrong = [
        f"{_name(path)} imports {unit}"
        for path in MODULES
        for unit in sorted({_unit(name) for name in _our_imports(path)})
        if unit != (own := _unit(_dotted(path)))
        and not (level.get(unit, -1) > level[own] if own else unit in INTERFACE)
    ]

    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    leads = {_dotted(path): _our_imports(path) - {_dotted(path)} for path in MODULES}
    # a package's `__init__` gathers its modules; what they import from it, they import from one of these
    remaining = dict(leads)
    while free := {name for name, targets in remaining.items() if not targets & remaining.keys()}:
        remaining = {name: targets for name, targets in remaining.items() if name not in free}

    assert not remaining, f"circles among {', '.join(sorted(remaining))}"


def test_pure_modules_import_no_driver() -> None:
    paths = [path for path in MODULES if _unit(_dotted(path)) in PURE]
    found = [f"{_name(path)}: {package}" for path in paths for package, _ in _imports(path) if package in DRIVERS]

    assert {_unit(_dotted(path)) for path in paths} == PURE
    assert not found


def test_every_module_says_what_it_owns() -> None:
    assert not [_name(path) for path in MODULES if not (ast.get_docstring(_tree(path)) or "").strip()]


def test_functions_stay_short() -> None:
    long = [
        f"{_name(path)}:{node.lineno}: {node.name} has {lines} lines"
        for path in _text_files("*.py")
        for node in _functions(_tree(path) if path.is_relative_to(PACKAGE) else _parsed(path))
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]

    assert not long


def test_modules_stay_short() -> None:
    lines = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}

    assert {name: number for name, number in lines.items() if number > MODULE_LINES} == {}


def test_no_module_is_a_drawer() -> None:
    assert not [_name(path) for path in MODULES if DRAWERS & {path.stem, *path.relative_to(PACKAGE).parts}]


def test_everything_public_has_a_docstring() -> None:
    bare = [
        f"{_name(path)}: {name}"
        for path in MODULES
        for name, node in _public(_tree(path), "")
        if not ast.get_docstring(node)
    ]

    assert not bare


def _public(parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    for node in parent.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from _public(node, f"{prefix}{node.name}.")


def test_private_names_are_used_in_their_module() -> None:
    unused = [
        f"{_name(path)}: {name}"
        for path in MODULES
        for name in sorted({*_private(_tree(path))} - {*_used(_tree(path))})
    ]

    assert not unused


def _private(module: ast.Module) -> Iterator[str]:
    """Yield the private names that a module defines."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        else:
            names = [one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
        yield from (name for name in names if re.match("_[^_]", name))


def _used(module: ast.Module) -> Iterator[str]:
    """Yield the names that a module reads, also in annotations in quotes."""
    for node in ast.walk(module):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            yield from re.findall(r"\w+", node.value)


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    groups = {name: list(some) for name, some in project["optional-dependencies"].items()}
    ours = [*project["dependencies"], *groups["test"]]
    lines = text.splitlines()

    for requirement in ours:
        (line,) = [line for line in lines if line.strip().startswith(f'"{requirement}"')]
        assert re.search(r"# \w", line), f"{requirement} has no reason"
    for name in groups.keys() - {"test"}:
        (line,) = [line for line in lines if re.match(rf"{name}\s*=", line)]
        assert re.search(r"# \w", line), f"the extra {name} has no reason"


def test_every_rule_that_ruff_ignores_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lint = tomllib.loads(text)["tool"]["ruff"]["lint"]
    rules = [*lint["ignore"], *(rule for some in lint.get("per-file-ignores", {}).values() for rule in some)]
    reasons = re.findall(r'^\s+"([A-Z]+[0-9]*)",\s+# \w', text, re.MULTILINE)

    assert sorted(rules) == sorted(reasons)


def test_counts_stand_before_nouns_in_their_number() -> None:
    found = [
        f"{_name(path)}:{text.lineno}: by units.plural, for a count of one"
        for path in MODULES
        for text in _texts(_tree(path))
        for value, words in pairwise(text.values)
        if isinstance(value, ast.FormattedValue) and _is_count(value) and PLURAL.match(_constant(words))
    ]

    assert not found


def _texts(node: ast.AST) -> Iterator[ast.JoinedStr]:
    """Yield the f-strings below a node, but not those of assertions."""
    if isinstance(node, ast.JoinedStr):
        yield node
    if not isinstance(node, ast.Assert):
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)


def _is_count(value: ast.FormattedValue) -> bool:
    """Return whether an f-string's value is a whole number, as its form tells; a constant is known not to be 1."""
    grouped = value.format_spec is not None and ast.unparse(value.format_spec) == "f','"
    counted = isinstance(value.value, ast.Call) and ast.unparse(value.value.func) in {"len", "sum"}
    return (grouped or counted) and not ast.unparse(value.value).isupper()


def _constant(words: ast.expr) -> str:
    return str(words.value) if isinstance(words, ast.Constant) else ""


def test_nothing_is_left_for_later() -> None:
    found = [
        f"{_name(path)}:{number}"
        for path in _text_files("*.py", "*.sql", "*.md", "*.j2", "*.toml", "*.ini")
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if LATER.search(line)
    ]

    assert not found


def test_tests_start_programs_in_one_way() -> None:
    starting = {("subprocess", "Popen"), ("subprocess", "run"), ("os", "fork"), ("os", "system")}
    words = [f"{module}.{name}" for module, name in starting]
    found = [
        f"{_name(path)}:{node.lineno}: by programs.start or programs.run, which bound it"
        for path in (ROOT / "tests").rglob("*.py")
        if path.name != "programs.py" and any(word in path.read_text(encoding="utf-8") for word in words)
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.Call)
        and isinstance(called := node.func, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and (called.value.id, called.attr) in starting
    ]

    assert not found


def test_tests_have_names_of_their_own() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name not in {"conftest.py", "__init__.py"}]

    assert sorted(names) == sorted(set(names))
