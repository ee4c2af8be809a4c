"""The rules of the architecture that no linter knows, each a function from source text to its offences.

An offence is a line such as `12: ...`; `sources.py` says which files a rule reads.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping

Rule = Callable[[str], list[str]]

# Modules of `runs` that import the standard library and each other only.
PURE = frozenset(
    {
        *(f"domain.{name}" for name in ("phases", "errors", "names", "timeline", "selections")),
        *(f"domain.{name}" for name in ("limits", "listings", "variables.grace", "status", "urls", "roles")),
        "protocol.constants",
        "tree.layout",
        "tree.filter",
    }
)
WRITING_METHODS = frozenset({"update", "bulk_update", "update_or_create", "update_fields"})
SENDING_METHODS = frozenset({"group_send"})
ASYNC_DOORS = frozenset({"sync_to_async", "database_sync_to_async"})
SQL_THAT_SETS_PHASE = re.compile(r"\bset\b[^;]*\bphase\b\"?\s*=", re.IGNORECASE)
JS_FUNCTION = re.compile(r"\s*(async\s+)?(function\b|(\([^)]*\)|\w+)\s*=>)")
LONGEST_FILE = 400
# Below `:has()`, a tag that each row has: all rows are styled again whenever what `:has()` looks for may have changed anywhere.
HAS_BEFORE_TAG = re.compile(
    r":has\([^{}]*\)[^{},]*[\s>~+](?:div|span|b|i|p)(?::[\w-]+(?:\([^)]*\))?)*\s*(?=[,{])"
)
# Each element that comes or goes anywhere in the page may be what it looks for.
HAS_ANYWHERE = re.compile(r"\bbody:has\((?!\s*>)")


def phase_writes(source: str) -> list[str]:
    """Writes of a phase, which only `runs/engine/book/book.py` may do (STYLE 2.5)."""
    nodes = (node for node in walk(source) if isinstance(node, ast.expr | ast.stmt))
    return [f"{node.lineno}: writes a phase" for node in nodes if writes_phase(node)]


def writes_phase(node: ast.AST) -> bool:
    match node:
        case ast.Assign(targets=targets):
            return any(is_phase_attribute(target) for target in targets)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return is_phase_attribute(target)
        case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value="phase"), *_]):
            return True
        case ast.Call(func=ast.Attribute(attr=method)) if method in WRITING_METHODS:
            return any(keyword.arg == "phase" for keyword in node.keywords) or any(
                isinstance(inner, ast.Constant) and inner.value == "phase"
                for argument in (*node.args, *(keyword.value for keyword in node.keywords))
                for inner in ast.walk(argument)
            )
        case ast.Constant(value=str(text)):
            return bool(SQL_THAT_SETS_PHASE.search(text)) and "update" in text.lower()
    return False


def is_phase_attribute(target: ast.AST) -> bool:
    if isinstance(target, ast.Tuple):
        return any(is_phase_attribute(element) for element in target.elts)
    return isinstance(target, ast.Attribute) and target.attr == "phase"


def orm_access(source: str) -> list[str]:
    """Managers in adapters, whose reads belong to queries and whose writes to operations (STYLE 2.7)."""
    return [
        f"{node.lineno}: .{node.attr}"
        for node in walk(source)
        if isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager", "_base_manager"}
    ]


def orm_access_in_template(source: str) -> list[str]:
    lines = enumerate(source.splitlines(), start=1)
    return [f"{number}: .objects" for number, line in lines if re.search(r"\.objects\b", line)]


def private_flyte_imports(source: str) -> list[str]:
    """Uses of private modules of the SDK, which change without notice: `executor/flyte/sdk.py` has them all."""
    return [f"{line}: {name}" for line, name in names_used(source) if is_private_flyte(name)]


def names_used(source: str) -> Iterator[tuple[int, str]]:
    for node in walk(source):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)
            case ast.Attribute(value=ast.Name(id="flyte"), attr=attribute):
                yield node.lineno, f"flyte.{attribute}"
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
                yield node.lineno, name


def is_private_flyte(name: str) -> bool:
    package, *parts = name.split(".")
    return package == "flyte" and any(re.match(r"_(?!_)", part) for part in parts)


def sleeps(source: str) -> list[str]:
    """Sleeps in tests: a test waits for an event, never for an amount of time (STYLE 2.12)."""
    return [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in walk(source)
        if isinstance(node, ast.Call) and is_sleep(node)
    ]


def is_sleep(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(attr="wait_for_timeout"):  # Playwright's name for a sleep.
            return True
        case (
            ast.Name(id="sleep")
            | ast.Attribute(value=ast.Name(id=("time" | "asyncio" | "anyio" | "trio")), attr="sleep")
        ):
            yields_once = (
                bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
            )
            return not yields_once
    return False


def waits_for_expressions(source: str) -> list[str]:
    """Waits of Playwright for what is no function: it evaluates that anew at each look, which our pages' policy refuses.

    A constant is looked up in the same file.
    """
    nodes = list(walk(source))
    named = {
        target.id: node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return [
        f"{node.lineno}: waits for what is no function"
        for node in nodes
        if isinstance(node, ast.Call) and called_name(node) == "wait_for_function"
        if not JS_FUNCTION.match(beginning(awaited(node), named))
    ]


def awaited(call: ast.Call) -> ast.expr | None:
    """The argument that says for what."""
    given = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "expression")]
    return given[0] if given else None


def beginning(value: ast.expr | None, named: Mapping[str, ast.expr]) -> str:
    """Of a text, as far as it does not depend on anything; "" of what is no text."""
    match value:
        case ast.Name(id=name):
            return beginning(named.get(name), {})
        case ast.JoinedStr(values=[first, *_]):
            return beginning(first, {})
        case ast.BinOp(left=left):
            return beginning(left, named)
        case ast.Constant(value=str(text)):
            return text
    return ""


def called_name(call: ast.Call) -> str | None:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return None


def channel_sends(source: str) -> list[str]:
    """Sends to the channel layer, whose only sender is `runs/store/hints.py`."""
    return [
        f"{node.lineno}: {called_name(node)}"
        for node in walk(source)
        if isinstance(node, ast.Call) and called_name(node) in SENDING_METHODS
    ]


def async_doors(source: str) -> list[str]:
    """Ways from async code into the ORM beside its one door, `runs/store/database.py` (STYLE 2.6)."""
    return [f"{line}: {name}" for line, name in names_used(source) if name.rpartition(".")[2] in ASYNC_DOORS]


def impure_imports(source: str) -> list[str]:
    """Imports of pure files that are neither the standard library nor another pure file (STYLE 2.1)."""
    return [f"{line}: {name}" for line, name in names_used(source) if not is_pure(name)]


def is_pure(name: str) -> bool:
    package, _, module = name.partition(".")
    is_ours = package == "runs" and any(f"{module}.".startswith(f"{one}.") for one in PURE)
    return package in sys.stdlib_module_names or is_ours


def too_long(source: str) -> list[str]:
    length = source.count("\n")
    return [f"{length} lines, more than {LONGEST_FILE}: split it by idea"] if length > LONGEST_FILE else []


def walk(source: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(source))


def wide_has(source: str) -> list[str]:
    """Selectors with `:has()` that let the browser style all rows again when one of them changes."""
    return [
        f"{number}: {found[0].strip()}"
        for number, line in enumerate(source.splitlines(), start=1)
        for pattern in (HAS_BEFORE_TAG, HAS_ANYWHERE)
        for found in pattern.finditer(line)
    ]
