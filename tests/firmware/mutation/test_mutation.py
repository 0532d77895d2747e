"""The mutation run is itself tested: on a small program with a hole in its tests."""

import ctypes
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mutation.operators import Form, find_mutants
from mutation.schemata import write_mutants
from mutation.syntax import Macros, SyntaxProblem, macros_of

RUN = Path(__file__).with_name("run.py")

TOY = """\
#include "toy.h"

static const uint8_t weights[65536] ATTRIBUTE = {[1] = 1, TOY_MAX, [0] = 2};

static uint8_t weigh(uint8_t value)
{
    return weights[(value & 3u) ^ (value >> 7)];
}

uint8_t toy(uint8_t value)
{
    uint8_t sum = 0;
    switch (value % 4) {
    case 1:
        sum += 3;
        break;
    case 2:
        return TOY_GREEN;
    default:
        sum |= 8;
    }
    if (value > TOY_MAX && (value < 20 || !(value & 2u) || value == 23)) {
        sum = (uint8_t)(sum + value * 2 - 1);
    }
    return value <= 100 ? sum : (uint8_t)(weigh(value) * RED);
}
"""
TOY_H = """\
#include <stdbool.h>
#include <stdint.h>
#define TOY_MAX 10u
#define ATTRIBUTE
#define RED TOY_RED
enum toy_colour { TOY_GREEN = 5, TOY_RED = 6, TOY_BLUE = 9 };
uint8_t toy(uint8_t value);
"""

HOLE = """
uint8_t untested(uint8_t value)
{
    return (uint8_t)(value ^ 1u);
}

uint8_t count(uint8_t value)
{
    uint8_t steps = 0;
    while (value != 0) {
        value--;
        steps++;
    }
    return steps;
}

uint8_t clamp(uint8_t value)
{
    return value > TOY_MAX ? TOY_MAX : value;
}
"""
TESTS = """
import ctypes
import subprocess

import pytest

from neurograsp.firmware_bridge.host_firmware import FIRMWARE


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    library = tmp_path_factory.mktemp("toy") / "toy.so"
    source = FIRMWARE / "src" / "toy.c"
    command = ["cc", "-Werror", "-Wall", "-Wextra", "-shared", "-fPIC", source, "-o", library]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


def test_clamp(toy):
    assert [toy.clamp(value) for value in range(256)] == [min(value, 10) for value in range(256)]


def test_count(toy):
    assert [toy.count(value) for value in range(5)] == [0, 1, 2, 3, 4]
"""

ENTRY = """
[[mutant]]
file = "toy.c"
function = "untested"
before = "return (uint8_t)(value ^ 1u);"
after = ["return (uint8_t)(value | 1u);"]
reason = "nobody calls it"
"""

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def mutate(tmp_path: Path) -> Run:
    """Runs the command on the program with the hole; exit code and output."""
    source = tmp_path / "toy" / "src"
    source.mkdir(parents=True)
    (source / "toy.h").write_text(TOY_H)
    reasons = tmp_path / "accepted.toml"

    def run(
        code: str = HOLE, tests: str = TESTS, accepted: str = "", files: str = "toy.c"
    ) -> tuple[int, str]:
        (source / "toy.c").write_text('#include "toy.h"\n' + code)
        (tmp_path / "test_toy.py").write_text(tests)
        reasons.write_text(accepted)
        options = ("--firmware", source.parent, "--files", *files.split(), "--accepted", reasons)
        command = [sys.executable, RUN, *options, "--tests", tmp_path / "test_toy.py"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def explained(output: str) -> str:
    """The entries that the command asks for, each with a reason."""
    return output.replace('reason = ""', 'reason = "nobody calls it"')


@pytest.mark.slow
def test_what_no_test_notices_is_found_and_may_be_explained(mutate: Run) -> None:
    code, output = mutate()
    assert code == 1
    assert set(re.findall(r"function = '(\w+)'", output)) == {"untested"}
    assert "    'return (uint8_t)(value | 1u);',\n" in output
    figures = re.search(r"killed (\d+), crashed (\d+), timed out (\d+), equivalent by compiler (\d+)", output)
    assert figures is not None
    killed, crashed, timed_out, equivalent = map(int, figures.groups())
    assert killed > 10
    assert crashed == 0
    assert timed_out > 0, "value++ in the place of value-- goes on for long, the loop without it for good"
    assert equivalent > 0, "value >= TOY_MAX clamps in the same way"

    entries = explained("".join(output.partition("mutation:")[0]))
    code, output = mutate(code="\n/* moved */\n" + HOLE, accepted=entries)
    assert code == 0, output
    assert "without 0" in output

    code, output = mutate(code=HOLE.replace("^ 1u", "^ 2u"), accepted=entries)
    assert code == 1
    assert "stale reason, there is no such survivor: toy.c untested" in output
    assert "    'return (uint8_t)(value | 2u);',\n" in output


@pytest.mark.slow
def test_a_reason_for_what_the_tests_find_is_stale(mutate: Run) -> None:
    tests = TESTS + "\n\ndef test_rest(toy):\n    assert [toy.untested(v) for v in (0, 1, 2)] == [1, 0, 3]\n"
    code, output = mutate(tests=tests)
    assert code == 0, output
    code, output = mutate(tests=tests, accepted=ENTRY)
    assert (code, "stale reason" in output) == (1, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"tests": TESTS.replace("min(value, 10)", "min(value, 11)")},
            "fails without any mutant: .*test_clamp",
        ),
        ({"tests": "def test_other():\n    pass\n"}, "no test runs the code"),
        ({"tests": "import nothing_of_this_name\n"}, "cannot be collected"),
        ({"code": "uint8_t clamp(uint8_t value) { return value ! 1; }\n"}, "toy.c:2: not understood"),
        ({"accepted": ENTRY.replace("nobody calls it", "")}, "a mutant has file, .* none empty"),
        ({"accepted": ENTRY.replace("function", "line")}, "a mutant has file, "),
        ({"accepted": ENTRY + ENTRY}, "twice: toy.c untested"),
        ({"accepted": "mutants = []"}, "only .*mutant"),
        ({"accepted": "[[mutant]\n"}, "accepted.toml: "),
    ],
)
def test_what_keeps_it_from_running_is_said_in_a_line(
    mutate: Run, change: dict[str, str], complaint: str
) -> None:
    code, output = mutate(**change)
    assert code == 1
    assert re.search(f"^mutation: .*{complaint}", output, re.MULTILINE), output
    assert "Traceback" not in output


def test_a_file_that_is_not_there_is_named(mutate: Run) -> None:
    code, output = mutate(files="toy.c tiny.c")
    assert code == 2
    assert re.fullmatch(r"mutation: no tiny\.c in .*/src: toy\.c, toy\.h\n", output)


CHANGES = {
    "a < b": {"a <= b", "a != b", "false"},
    "a == b": {"a <= b", "a >= b", "false"},
    "a + b * 2": {"a - b * 2", "a + b / 2", "a + b * 1", "a + b * 3"},
    "(a + b) * c": {"(a - b) * c", "(a + b) / c"},
    "a - (b - c)": {"a + (b - c)", "a - (b + c)"},
    "a && b || c": {"a || b || c", "a && b && c", "a && b", "c", "a || c", "b || c"},
    "!a": {"a"},
    "0x0Fu": {"0xeu", "0x10u"},
    "0": {"1"},
    "true": {"false"},
    "RED": {"TOY_GREEN", "TOY_BLUE"},
    "TOY_MAX": {"(TOY_MAX - 1)", "(TOY_MAX + 1)"},
    "a ? b : c": {"true ? b : c", "false ? b : c", "!(a) ? b : c"},
    "f(a, 1)": {"f(a, 0)", "f(a, 2)"},
    "(uint8_t)(a & b)": {"(uint8_t)(a | b)"},
    "sizeof(x[1])": set(),
}


def macros(folder: Path) -> Macros:
    (folder / "toy.h").write_text(TOY_H)
    return macros_of([folder / "toy.h"])


@pytest.mark.parametrize("expression", CHANGES)
def test_changes_of_an_expression(tmp_path: Path, expression: str) -> None:
    source = f"void f(void)\n{{\n    x = {expression};\n}}\n"
    found = find_mutants(source.encode(), "toy.c", macros(tmp_path))
    found = [each for each in found if each.form is Form.EXPRESSION]
    assert {each.after for each in found} == {f"x = {change};" for change in CHANGES[expression]}
    assert {(each.function, each.line, each.before) for each in found} <= {("f", 3, f"x = {expression};")}


@pytest.mark.parametrize(
    ("statement", "changes"),
    [
        ("f(a);", {";"}),
        ("a += b;", {";", "a -= b;"}),
        ("a++;", {";", "a--;"}),
        ("if (a) { return b; } c();", {"true", "false", "!(a)", "b deleted", "c deleted"}),
        ("return a;", set()),
        ("while (a < b) { break; }", {"false", "a <= b", "a != b", "b deleted"}),
        ("for (i = 0; i < n; i++) { }", {"i = 1", "i <= n", "false", "i--"}),
    ],
)
def test_changes_of_a_statement(tmp_path: Path, statement: str, changes: set[str]) -> None:
    source = f"void f(void)\n{{\n    {statement}\n}}\n"
    found = find_mutants(source.encode(), "toy.c", macros(tmp_path))
    assert len(found) == len(changes), [each.after for each in found]


def test_a_static_inside_a_function_is_refused(tmp_path: Path) -> None:
    source = b"void f(void)\n{\n    static int calls = 0;\n}\n"
    with pytest.raises(SyntaxProblem, match="toy.c:3: a static inside a function"):
        find_mutants(source, "toy.c", macros(tmp_path))


def test_a_mutant_that_is_switched_on_does_what_the_changed_text_does(tmp_path: Path) -> None:
    found = find_mutants(TOY.encode(), "toy.c", macros(tmp_path))
    assert {each.form for each in found} == set(Form)
    assert len({each.after for each in found}) > 70
    names = []
    for number, mutant in enumerate(found, start=1):
        (tmp_path / f"changed{number}.c").write_bytes(mutant.apply(TOY.encode()))
        names += [f"#define {name} {name}{number}" for name in ("toy", "weigh", "weights")]
        names += [f'#include "changed{number}.c"', "#undef toy", "#undef weigh", "#undef weights"]
    (tmp_path / "toy.h").write_text(f"#pragma once\n{TOY_H}")
    (tmp_path / "changed.c").write_text("\n".join(names) + "\n")
    (tmp_path / "toy.c").write_text(TOY)
    write_mutants(tmp_path, found, macros_of([tmp_path / "toy.h"]))
    changed, switched = (compiled(tmp_path / name) for name in ("changed.c", "toy.c"))
    selected = ctypes.c_int.in_dll(switched, "hand_mutant_selected")
    for number, mutant in enumerate(found, start=1):
        alone = getattr(changed, f"toy{number}")
        selected.value = number
        assert [switched.toy(value) for value in range(256)] == [alone(value) for value in range(256)], mutant


def compiled(source: Path) -> ctypes.CDLL:
    library = source.with_suffix(".so")
    subprocess.run(["cc", "-w", "-std=c99", "-shared", "-fPIC", source, "-o", library], check=True)
    return ctypes.CDLL(str(library))
