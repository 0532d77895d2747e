"""The small changes of a C file that tests ought to notice."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tree_sitter import Node

from mutation.syntax import Macros, SyntaxProblem, declared_name, parse_strictly, part, text, walk

_RELATIONAL = {
    "<": ("<=", "!=", "false"),
    ">": (">=", "!=", "false"),
    "<=": ("<", "==", "true"),
    ">=": (">", "==", "true"),
    "==": ("<=", ">=", "false"),
    "!=": ("<", ">", "true"),
}
"""Three of each, which stand for all the others: Kaminski, Ammann, Offutt, "Improving logic-based testing",
Journal of Systems and Software 86, 2013."""

_OTHER = {
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    "%": "*",
    "<<": ">>",
    ">>": "<<",
    "&": "|",
    "|": "&",
    "^": "|",
    "&&": "||",
    "||": "&&",
    "++": "--",
    "--": "++",
}
_PRECEDENCE = {
    operator: level
    for level, operators in enumerate(
        ("||", "&&", "|", "^", "&", "== !=", "< > <= >=", "<< >>", "+ -", "* / %")
    )
    for operator in operators.split()
}
_LOOSE = ("conditional_expression", "assignment_expression", "comma_expression")
_INTEGER = re.compile(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)")
_INTEGER_TYPE = re.compile(r"u?int(8|16|32)_t|int|unsigned")
_NOT_RUN = frozenset(
    (
        "comment",
        "enum_specifier",
        "preproc_def",
        "preproc_function_def",
        "preproc_include",
        "sizeof_expression",
        "struct_specifier",
        "subscript_designator",
        "type_definition",
        "type_descriptor",
    )
)


class Form(Enum):
    """What a mutant changes, which decides how it is switched on in a program that holds all of them."""

    EXPRESSION = 1
    STATEMENT = 2
    TABLE = 3


@dataclass(frozen=True)
class Mutant:
    """`text` in the place of bytes `start` to `end` of `file`.

    Attributes:
        function: in which it lies; the name of a constant outside of functions.
        line: number of the first line, from 1.
        before, after: the lines it lies in, as they are and changed, with single blanks.
    """

    file: str
    function: str
    start: int
    end: int
    text: str
    form: Form
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}: {self.before}  ->  {self.after}"

    def apply(self, source: bytes) -> bytes:
        """The whole file with this change in it."""
        return source[: self.start] + self.text.encode() + source[self.end :]


def find_mutants(source: bytes, file: str, macros: Macros) -> list[Mutant]:
    """All changes of this file, in the order of the source.

    Raises:
        SyntaxProblem: no C, or a constant table where it cannot be switched.
    """
    finder = _Finder(source, file, macros)
    finder.visit(parse_strictly(source, file, macros.empty))
    unique = {(mutant.start, mutant.end, mutant.text): mutant for mutant in finder.found}
    return sorted(unique.values(), key=lambda mutant: (mutant.start, mutant.end))


class _Finder:
    def __init__(self, source: bytes, file: str, macros: Macros) -> None:
        self._source = source
        self._file = file
        self._macros = macros
        self._function = ""
        self._returns = ""
        self._table = False
        self.found: list[Mutant] = []
        self._operators: dict[str, Callable[[Node], None]] = {
            "assignment_expression": self._assignment,
            "binary_expression": self._binary,
            "break_statement": self._delete,
            "conditional_expression": self._condition,
            "continue_statement": self._delete,
            "do_statement": self._condition,
            "expression_statement": self._delete,
            "false": self._boolean,
            "for_statement": self._loop,
            "identifier": self._name,
            "if_statement": self._condition,
            "number_literal": self._number,
            "return_statement": self._return,
            "switch_statement": self._switch,
            "true": self._boolean,
            "unary_expression": self._unary,
            "update_expression": self._update,
            "while_statement": self._loop,
        }

    def visit(self, node: Node) -> None:
        """Collect what can be changed in this node and below it."""
        if node.type in _NOT_RUN:
            return
        if node.type == "function_definition":
            self._function = text(declared_name(part(node, "declarator")))
            self._returns = text(part(node, "type"))
            self.visit(part(node, "body"))
            self._function = ""
        elif node.type == "declaration":
            self._declaration(node)
        elif node.type == "case_statement":
            self._visit_all(node, but="value")
        elif node.type == "call_expression":
            self.visit(part(node, "arguments"))
        elif node.type == "initializer_pair":
            self.visit(part(node, "value"))
        else:
            if node.type in self._operators:
                self._operators[node.type](node)
            self._visit_all(node)

    def _visit_all(self, node: Node, but: str | None = None) -> None:
        for index, child in enumerate(node.children):
            if but is None or node.field_name_for_child(index) != but:
                self.visit(child)

    def _declaration(self, node: Node) -> None:
        at_file_scope = not self._function
        static = any(child.type == "storage_class_specifier" for child in node.children)
        for declarator in node.children:
            if declarator.type != "init_declarator":
                continue
            if static and not at_file_scope:
                raise SyntaxProblem(f"{self._file}:{node.start_point.row + 1}: a static inside a function")
            self._table = at_file_scope
            if at_file_scope:
                self._function = text(declared_name(declarator))
            self.visit(part(declarator, "value"))
            self._table = False
            if at_file_scope:
                self._function = ""

    def _add(self, node: Node, replacement: str, form: Form = Form.EXPRESSION) -> None:
        """`replacement` for the node; ignored when it is what stands there."""
        if replacement == text(node):
            return
        first = self._source.rfind(b"\n", 0, node.start_byte) + 1
        last = self._source.find(b"\n", node.end_byte)
        head, tail = self._source[first : node.start_byte], self._source[node.end_byte : last]
        before, after = (
            " ".join((head.decode() + middle + tail.decode()).split()) for middle in (text(node), replacement)
        )
        self.found.append(
            Mutant(
                self._file,
                self._function,
                node.start_byte,
                node.end_byte,
                replacement,
                Form.TABLE if self._table else form,
                node.start_point.row + 1,
                before,
                after,
            )
        )

    def _binary(self, node: Node) -> None:
        left, right = part(node, "left"), part(node, "right")
        operator = text(part(node, "operator"))
        for other in _RELATIONAL.get(operator, ()):
            if other in ("true", "false"):
                self._add(node, other)
            elif not (other == "!=" and _is_loop_condition(node)):  # counting by one never steps over the end
                self._add(node, _joined(node, left, other, right))
        if operator in _OTHER:
            self._add(node, _joined(node, left, _OTHER[operator], right))
        if operator in ("&&", "||"):
            self._add(node, text(left))
            self._add(node, text(right))

    def _assignment(self, node: Node) -> None:
        operator = text(part(node, "operator"))
        other = _OTHER.get(operator.removesuffix("="))
        if other is not None:
            self._add(node, f"{text(part(node, 'left'))} {other}= {text(part(node, 'right'))}")

    def _update(self, node: Node) -> None:
        operator = text(part(node, "operator"))
        self._add(node, text(node).replace(operator, _OTHER[operator]))

    def _unary(self, node: Node) -> None:
        self._add(node, text(part(node, "argument")))

    def _number(self, node: Node) -> None:
        match = _INTEGER.fullmatch(text(node))
        if match is None:
            return
        digits, suffix = match.groups()
        value = int(digits, 0)
        for near in (value - 1, value + 1):
            if near >= 0:
                self._add(node, (hex(near) if digits[:2] in ("0x", "0X") else str(near)) + suffix)

    def _name(self, node: Node) -> None:
        name = text(node)
        for other in self._macros.enums.get(name, ()):
            self._add(node, other)
        if name in self._macros.numbers:
            for change in ("- 1", "+ 1"):
                self._add(node, f"({name} {change})")

    def _boolean(self, node: Node) -> None:
        self._add(node, "false" if node.type == "true" else "true")

    def _condition(self, node: Node) -> None:
        condition = _bare(part(node, "condition"))
        self._add(condition, "true")
        self._add(condition, "false")
        if condition.type != "unary_expression":
            self._add(condition, f"!({text(condition)})")

    def _loop(self, node: Node) -> None:
        self._add(_bare(part(node, "condition")), "false")

    def _switch(self, node: Node) -> None:
        value = _bare(part(node, "condition"))
        for each in walk(part(node, "body")):
            label = each.child_by_field_name("value") if each.type == "case_statement" else None
            if label is not None:
                self._add(value, f"{text(value)} == {text(label)} ? -1 : {text(value)}")

    def _delete(self, node: Node) -> None:
        if node.parent is not None and node.parent.type != "for_statement":
            self._add(node, ";", Form.STATEMENT)

    def _return(self, node: Node) -> None:
        if not _ends_function(node):
            self._delete(node)
        values = [child for child in node.named_children if child.type != "comment"]
        if values and self._returns == "bool":
            self._add(values[0], "true")
            self._add(values[0], "false")
        elif values and _INTEGER_TYPE.fullmatch(self._returns) and text(values[0]) not in self._macros.enums:
            self._add(values[0], "0")


def _bare(node: Node) -> Node:
    return node.named_children[0] if node.type == "parenthesized_expression" else node


def _is_loop_condition(node: Node) -> bool:
    return node.parent is not None and node.parent.type == "for_statement"


def _ends_function(node: Node) -> bool:
    """Whether nothing of the function comes after this statement: without it, there would be no value."""
    parent = node.parent
    while parent is not None and parent.type != "function_definition":
        if parent.type in ("compound_statement", "case_statement") and parent.named_children[-1] != node:
            return False
        node, parent = parent, parent.parent
    return True


def _joined(node: Node, left: Node, operator: str, right: Node) -> str:
    """The operation in the place of `node`, with the parentheses that keep its operands."""
    level = _PRECEDENCE[operator]
    sides = [
        f"({text(side)})" if _level(side) < level + (side is right) else text(side) for side in (left, right)
    ]
    joined = f"{sides[0]} {operator} {sides[1]}"
    parent = node.parent
    if parent is not None and parent.type == "binary_expression":
        is_right = part(parent, "right") == node
        if level < _level(parent) + is_right:
            return f"({joined})"
    return joined


def _level(node: Node) -> int:
    if node.type in _LOOSE:
        return -1
    if node.type == "binary_expression":
        return _PRECEDENCE[text(part(node, "operator"))]
    return len(_PRECEDENCE)
