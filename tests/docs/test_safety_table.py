"""Pages that point at something: the tests that SAFETY.md names, and every relative link."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "edge_runtime/samples/**/*.md")
    for path in REPOSITORY.glob(pattern)
)
SAFETY = (REPOSITORY / "SAFETY.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", SAFETY)
ROW = re.compile(r"^\| \d+ \|.*\|$", re.MULTILINE)
README_LINES = 200


@cache
def functions(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_the_named_test_exists(path: str, name: str) -> None:
    assert name.startswith("test_")
    assert name in functions(REPOSITORY / path)


def test_every_hazard_has_a_guard_and_a_test() -> None:
    rows = ROW.findall(SAFETY)
    assert len(rows) >= 15
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 4 and all(cells), row
        assert re.fullmatch(r"(`tests/[\w/]+\.py::test_\w+`(, |$))+", cells[3]), row


def test_numbers_of_the_hazards() -> None:
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", SAFETY, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_relative_links_resolve(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page if not name else page.parent / name
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_files_in_backticks_exist(page: Path) -> None:
    folders = "train|convert|edge_runtime|firmware_bridge|docs|tests|examples|benchmarks|requirements"
    for name in re.findall(rf"`((?:{folders})/[\w./-]*)`", page.read_text()):
        assert (REPOSITORY / name).exists(), name


def test_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= README_LINES
