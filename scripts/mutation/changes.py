"""Small changes of a program that its tests should notice, each as the text of the whole module."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_TURNED = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.FloorDiv],
    ast.FloorDiv: [ast.Mult],
    ast.Mod: [ast.Mult],
    ast.BitOr: [ast.BitAnd],
    ast.BitAnd: [ast.BitOr],
    ast.LShift: [ast.RShift],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}
_HOOK = "failpoint"  # where tests let a run fail: nothing but a test would miss it
_LEFT_OUT = (ast.Raise, ast.AugAssign, ast.Delete, ast.Continue, ast.Break)


@dataclass(frozen=True)
class Change:
    """What was done, in which line, and the module's text after it."""

    what: str
    line: int
    text: str


def changes(source: str) -> Iterator[Change]:
    """Every change of a module, each text once."""
    seen = {source}
    for node in _code(ast.parse(source)):
        for what, new in (*_of_expression(node), *_of_statement(node)):
            text = _replaced(source, node, new)
            if text not in seen:
                seen.add(text)
                yield Change(what, node.lineno, text)


def _code(node: ast.AST) -> Iterator[ast.stmt | ast.expr | ast.excepthandler]:
    """Everything below a node but annotations, which decide nothing."""
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.stmt | ast.expr | ast.excepthandler):
                yield child
            if isinstance(child, ast.AST):
                yield from _code(child)


def _of_expression(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Compare(ops=ops):
            for number, operator in enumerate(ops):
                for other in _TURNED[type(operator)]:
                    turned = copy.deepcopy(node)
                    turned.ops[number] = other()
                    yield "turn the comparison", f"({ast.unparse(turned)})"
        case ast.BoolOp(op=operator) | ast.BinOp(op=operator):
            for other in _TURNED.get(type(operator), []):
                turned = copy.copy(node)
                turned.op = other()
                yield "another operator", f"({ast.unparse(turned)})"
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield "leave the sign out", f"({ast.unparse(operand)})"
        case ast.Constant(value=bool(value)):
            yield "the other truth", str(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield "one more", str(value + 1)
        case ast.IfExp():
            yield "the other branch", f"({ast.unparse(ast.IfExp(_not(node.test), node.body, node.orelse))})"


def _of_statement(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Expr(value=ast.Call(func=called)) if ast.unparse(called).rpartition(".")[2] != _HOOK:
            yield "leave out", "pass"
        case ast.Return(value=ast.expr()):
            yield "return nothing", "return None"
        case ast.If() | ast.While():
            yield "the other branch", _unparsed(node, test=_not(node.test))
        case ast.For():
            yield "do not enter", _unparsed(node, iter=ast.Tuple([], ast.Load()))
        case ast.ExceptHandler(type=ast.expr()):
            yield "do not catch", _unparsed(node, type=ast.Tuple([], ast.Load()))
        case _ if isinstance(node, _LEFT_OUT):
            yield "leave out", "pass"


def _not(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _unparsed(node: ast.AST, **fields: ast.AST) -> str:
    turned = copy.copy(node)
    for name, value in fields.items():
        setattr(turned, name, value)
    return ast.unparse(turned)


def _replaced(source: str, node: ast.stmt | ast.expr | ast.excepthandler, new: str) -> str:
    """Put ``new`` where the node stands, its further lines as deep as the node."""
    lines = source.encode().splitlines(keepends=True)
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    before, after = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
    depth = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    put = new.encode().replace(b"\n", b"\n" + depth)
    return b"".join([*lines[:first], before + put + after, *lines[last + 1 :]]).decode()
