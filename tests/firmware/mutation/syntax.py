"""C as tree-sitter reads it: a few helpers, and the names that stand for numbers."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter_c
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_c.language()))
_NUMBER = re.compile(r"(0[xX])?[0-9a-fA-F]+[uUlL]*\b")


class SyntaxProblem(Exception):
    """A file that is no C, or that has something the mutations cannot handle."""


def parse(source: bytes) -> Node:
    """The root of the syntax tree, also of what is not quite C."""
    return _PARSER.parse(source).root_node


def parse_strictly(source: bytes, name: str, empty: Collection[str]) -> Node:
    """The root of the syntax tree of a file called `name`, without the macros that are `empty`.

    Raises:
        SyntaxProblem: the parser had to guess.
    """
    for macro in empty:
        source = re.sub(rb"(?<=\s)%b(?=\s+=)" % macro.encode(), b" " * len(macro), source)
    root = parse(source)
    for node in walk(root):
        if node.is_error or node.is_missing:
            raise SyntaxProblem(f"{name}:{node.start_point.row + 1}: not understood: {text(node)}")
    return root


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in the order of the source."""
    yield node
    for child in node.children:
        yield from walk(child)


def text(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode()


def part(node: Node, name: str) -> Node:
    """The child in the field of this name, which the grammar says is there."""
    child = node.child_by_field_name(name)
    assert child is not None, f"{node.type} without {name}"
    return child


def declared_name(declarator: Node) -> Node:
    """The identifier inside pointer, array and function declarators."""
    return next(node for node in walk(declarator) if node.type == "identifier")


@dataclass
class Macros:
    """What the names in a set of files stand for.

    Attributes:
        enums: all enumerators of the enumeration that a name, or what it is defined as, belongs to.
        numbers: names defined as a number.
        empty: names that may be defined as nothing, such as attributes.
    """

    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)


def macros_of(paths: Iterable[Path]) -> Macros:
    """Enumerations and macros of these files."""
    found = Macros()
    nodes = [node for path in paths for node in walk(parse(path.read_bytes()))]
    for node in nodes:
        if node.type == "enumerator_list":
            names = tuple(text(part(each, "name")) for each in node.children if each.type == "enumerator")
            found.enums.update(dict.fromkeys(names, names))
    for node in nodes:
        if node.type == "preproc_def":
            name, value = text(part(node, "name")), text(node.child_by_field_name("value")).strip()
            if _NUMBER.match(value):
                found.numbers.add(name)
            elif value in found.enums:
                found.enums[name] = tuple(name if each == value else each for each in found.enums[value])
            elif not value:
                found.empty.add(name)
    return found
