"""All mutants of a file in one compilable file, each switched on by its number.

An expression becomes `(HAND_MUTANT(7) ? changed : original)`, a statement that may be deleted an `if`, a
constant table a choice between whole tables. So a thousand mutants cost one compilation. Untch, Offutt,
Harrold, "Mutation analysis using mutant schemata", ISSTA 1993.

The file also tells which mutants a run could have noticed: those whose code it reaches and, where both can be
computed without harm, whose value is another one there than the original's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tree_sitter import Node

from mutation.operators import Form, Mutant
from mutation.syntax import Macros, declared_name, parse_strictly, part, text, walk

HEADER_NAME = "hand_mutant.h"

_HARMLESS = frozenset(
    (
        "binary_expression",
        "cast_expression",
        "conditional_expression",
        "false",
        "field_expression",
        "field_identifier",
        "identifier",
        "number_literal",
        "parenthesized_expression",
        "primitive_type",
        "true",
        "type_descriptor",
        "unary_expression",
    )
)
_RISKY_OPERATORS = ("*", "/", "%", "<<", ">>")  # what they become may divide by zero or shift too far

_HEADER = """\
#ifndef HAND_MUTANT_H
#define HAND_MUTANT_H

#include <stdbool.h>
#include <stdint.h>

/* Weak: a program may be made of any of the files, and what is loaded after a library with the switch takes
 * that. */
__attribute__((weak)) int hand_mutant_selected;
__attribute__((weak)) int hand_mutant_recording;
__attribute__((weak)) uint8_t hand_mutant_noticeable[{size}];

#define HAND_MUTANT(id) (hand_mutant_noticeable[id] = 1, hand_mutant_selected == (id))
#define HAND_MUTANT_VALUE(id, changed, original) \\
    (hand_mutant_noticeable[id] |= hand_mutant_recording && (changed) != (original), \\
     hand_mutant_selected == (id))

/* 0, or which of the mutants from `first` is selected, counted from 1. */
static inline int hand_mutant_table(int first, int count)
{
    if (!hand_mutant_noticeable[first]) {
        for (int id = first; id < first + count; id++) {
            hand_mutant_noticeable[id] = 1;
        }
    }
    int which = hand_mutant_selected - first;
    return which >= 0 && which < count ? which + 1 : 0;
}

#endif
"""


def write_mutants(folder: Path, mutants: Sequence[Mutant], macros: Macros) -> None:
    """Put the mutants, numbered from 1 in this order, into the files of `folder`, and add the switch.

    The compiler is silent about these files: many a change is one that it would warn of.
    """
    numbered = [_Numbered(number, mutant) for number, mutant in enumerate(mutants, start=1)]
    for name in {mutant.file for mutant in mutants}:
        path = folder / name
        source = path.read_bytes()
        inside = [each for each in numbered if each.mutant.file == name]
        body = _Renderer(source, parse_strictly(source, name, macros.empty), inside).text()
        quiet = path if path.suffix == ".h" else path.with_suffix(".mutants.h")
        quiet.write_text(f'#pragma GCC system_header\n#include "{HEADER_NAME}"\n{body}')
        if quiet is not path:
            path.write_text(f'#include "{quiet.name}"\n')
    (folder / HEADER_NAME).write_text(_HEADER.replace("{size}", str(len(mutants) + 1)))


@dataclass(frozen=True)
class _Numbered:
    id: int
    mutant: Mutant


class _Renderer:
    def __init__(self, source: bytes, root: Node, mutants: Sequence[_Numbered]) -> None:
        self._source = source
        self._root = root
        self._tables = [each for each in mutants if each.mutant.form is Form.TABLE]
        self._statements: dict[tuple[int, int], list[_Numbered]] = {}
        self._expressions: dict[tuple[int, int], list[_Numbered]] = {}
        changed: dict[tuple[int, int], list[_Numbered]] = {}
        for each in mutants:
            span = (each.mutant.start, each.mutant.end)
            if each.mutant.form is Form.STATEMENT:
                self._statements.setdefault(span, []).append(each)
            elif each.mutant.form is Form.EXPRESSION:
                changed.setdefault(span, []).append(each)
        for node in walk(root):
            here = changed.pop(_span(node), [])
            if here:
                self._expressions.setdefault(_span(_whole(node)), []).extend(here)

    def text(self) -> str:
        return self._render(self._root)

    def _render(self, node: Node) -> str:
        if node.type == "declaration":
            inside = [each for each in self._tables if _covers(node, each.mutant)]
            if inside:
                return self._tables_of(node, inside)
        body = self._body(node)
        for each in self._expressions.pop(_span(node), []):
            original = text(node)
            changed = self._changed(node, each.mutant)
            switch = f"HAND_MUTANT({each.id})"
            if _is_harmless(node):
                switch = f"HAND_MUTANT_VALUE({each.id}, {changed}, {original})"
            body = f"({switch} ? ({changed}) : ({body}))"
        for each in self._statements.pop(_span(node), []):
            body = f"{{ if (!HAND_MUTANT({each.id})) {{ {body} }} }}"
        return body

    def _changed(self, node: Node, mutant: Mutant) -> str:
        head = self._source[node.start_byte : mutant.start]
        tail = self._source[mutant.end : node.end_byte]
        return f"{head.decode()}{mutant.text}{tail.decode()}"

    def _body(self, node: Node) -> str:
        pieces = []
        at = node.start_byte
        for child in node.children:
            pieces += [self._source[at : child.start_byte].decode(), self._render(child)]
            at = child.end_byte
        return "".join(pieces) + self._source[at : node.end_byte].decode()

    def _tables_of(self, node: Node, mutants: Sequence[_Numbered]) -> str:
        declarator = next(child for child in node.children if child.type == "init_declarator")
        name = declared_name(part(declarator, "declarator"))
        tables = [self._table_text(node, name, 0, None)]
        tables += [
            self._table_text(node, name, index, each.mutant) for index, each in enumerate(mutants, start=1)
        ]
        addresses = ", ".join(f"&{text(name)}_{index}" for index in range(len(tables)))
        choice = f"hand_mutant_table({mutants[0].id}, {len(mutants)})"
        return "\n".join(
            (
                *tables,
                f"static const __typeof__({text(name)}_0) *const {text(name)}_all[] = {{{addresses}}};",
                f"#define {text(name)} (*{text(name)}_all[{choice}])",
            )
        )

    def _table_text(self, node: Node, name: Node, index: int, mutant: Mutant | None) -> str:
        """The declaration, its name with a number, one mutant in it."""
        changes = [(name.start_byte, name.end_byte, f"{text(name)}_{index}")]
        if mutant is not None:
            changes.append((mutant.start, mutant.end, mutant.text))
        table = self._source[: node.end_byte]
        for start, end, replacement in sorted(changes, reverse=True):
            table = table[:start] + replacement.encode() + table[end:]
        return table[node.start_byte :].decode()


def _span(node: Node) -> tuple[int, int]:
    return node.start_byte, node.end_byte


def _is_harmless(node: Node) -> bool:
    """Whether the value of this expression, and of any mutant in it, may be computed just to look at it."""
    return all(
        each.type in _HARMLESS or (not each.is_named and text(each) not in _RISKY_OPERATORS)
        for each in walk(node)
    )


def _whole(node: Node) -> Node:
    """The largest harmless expression around this one; itself if it is not harmless."""
    while _is_harmless(node) and node.parent is not None and _is_harmless(node.parent):
        node = node.parent
    return node


def _covers(node: Node, mutant: Mutant) -> bool:
    return node.start_byte <= mutant.start and mutant.end <= node.end_byte
