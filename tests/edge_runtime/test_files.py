"""Folders and files appear whole or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.files import check_writable, whole_folder, write_whole

MARKER = "run.json"


def fill(folder: Path, text: str) -> None:
    (folder / MARKER).write_text(text)
    (folder / "sub").mkdir()
    (folder / "sub/data").write_text(text)


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep/out"
    with whole_folder(out, MARKER) as folder:
        fill(folder, "one")
        assert not out.exists()
    assert tree(tmp_path) == ["deep", "deep/out", f"deep/out/{MARKER}", "deep/out/sub", "deep/out/sub/data"]
    assert out.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [RuntimeError("x"), FileNotFoundError("elsewhere"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_and_is_not_blamed_on_the_folder(
    tmp_path: Path, error: BaseException
) -> None:
    with pytest.raises(type(error)), whole_folder(tmp_path / "out", MARKER) as folder:
        fill(folder, "one")
        raise error
    assert tree(tmp_path) == []


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="out: cannot be written: No space left"),
        whole_folder(tmp_path / "out", MARKER),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert tree(tmp_path) == []


def test_a_failure_leaves_the_older_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with whole_folder(out, MARKER) as folder:
        fill(folder, "one")
    before = tree(tmp_path)
    with pytest.raises(RuntimeError), whole_folder(out, MARKER) as folder:
        fill(folder, "two")
        raise RuntimeError
    assert tree(tmp_path) == before
    assert (out / "sub/data").read_text() == "one"


def interrupt_rename(
    monkeypatch: pytest.MonkeyPatch, number: int, error: BaseException, after: bool = False
) -> None:
    """The `number`-th rename raises, before or after it happened."""
    real, calls = Path.rename, iter(range(1, 100))

    def rename(self: Path, target: Path) -> Path:
        mine = next(calls) == number
        if mine and not after:
            raise error
        moved = real(self, target)
        if mine:
            raise error
        return moved

    monkeypatch.setattr(Path, "rename", rename)


@pytest.mark.parametrize("error", [OSError("x"), KeyboardInterrupt()])
@pytest.mark.parametrize(
    ("number", "after", "left"), [(1, False, "one"), (1, True, "one"), (2, False, "one"), (2, True, "two")]
)
def test_an_interrupted_replacement_leaves_one_whole_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    number: int,
    after: bool,
    left: str,
) -> None:
    out = tmp_path / "out"
    with whole_folder(out, MARKER) as folder:
        fill(folder, "one")
    interrupt_rename(monkeypatch, number, error, after)
    wanted = ConfigError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(wanted), whole_folder(out, MARKER) as folder:
        fill(folder, "two")
    assert tree(tmp_path) == ["out", f"out/{MARKER}", "out/sub", "out/sub/data"]
    assert (out / "sub/data").read_text() == left


def test_an_older_one_is_replaced_without_leftovers(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for text in ("one", "two"):
        with whole_folder(out, MARKER) as folder:
            fill(folder, text)
            if text == "one":
                (folder / "old").touch()
    assert tree(out) == [MARKER, "sub", "sub/data"]
    assert (out / MARKER).read_text() == "two"
    assert tree(tmp_path) == ["out", f"out/{MARKER}", "out/sub", "out/sub/data"]


@pytest.mark.parametrize("kind", ["folder of something else", "file"])
def test_something_else_is_not_touched(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("precious")
    else:
        out.mkdir()
        (out / "precious").touch()
    before = tree(tmp_path)
    with pytest.raises(ConfigError, match="holds something else"), whole_folder(out, MARKER):
        pass
    assert tree(tmp_path) == before


def test_an_empty_folder_may_be_used(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with whole_folder(out, MARKER) as folder:
        fill(folder, "one")
    assert (out / MARKER).is_file()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"), whole_folder(tmp_path / "file/out", MARKER):
        pass
    with pytest.raises(ConfigError, match="cannot be written"):
        write_whole(tmp_path / "file/out", b"x")


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep/file"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["file"]  # noqa: PTH208
    modes = []
    for mode in (0o644, 0o600):
        write_whole(path, b"three", mode)
        modes.append(stat.S_IMODE(path.stat().st_mode))
    assert modes == [0o644, 0o600]


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_a_link_and_the_mode_stay(tmp_path: Path, mode: int) -> None:
    (tmp_path / "kept").mkdir()
    file, link = tmp_path / "kept" / "file", tmp_path / "link"
    link.symlink_to("kept/file")
    check_writable(link)
    write_whole(link, b"one")
    assert file.stat().st_mode & 0o777 == 0o644
    file.chmod(mode)
    write_whole(link, b"two")
    assert link.is_symlink()
    assert file.read_bytes() == b"two"
    assert file.stat().st_mode & 0o777 == mode
    assert tree(tmp_path) == ["kept", "kept/file", "link"]


@pytest.mark.parametrize("error", [OSError("x"), KeyboardInterrupt()])
def test_an_interrupted_file_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "file"
    write_whole(path, b"one")
    interrupt_rename(monkeypatch, 1, error)
    with pytest.raises(ConfigError if isinstance(error, OSError) else KeyboardInterrupt):
        write_whole(path, b"two")
    assert tree(tmp_path) == ["file"]
    assert path.read_bytes() == b"one"


def test_a_file_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigError, match="is no file"):
        write_whole(tmp_path / "out", b"x")
    assert tree(tmp_path) == ["out"]


def test_only_folders_that_are_made_here_are_for_this_user_alone(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    check_writable(shared / "mine/deep/file", private=True)
    check_writable(shared / "mine/deep/file", private=True)
    check_writable(shared / "open/file")
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.rglob("*")}
    assert modes == {"shared": 0o755, "mine": 0o700, "deep": 0o700, "open": modes["open"]}
    assert modes["open"] & 0o100


def test_a_place_that_cannot_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "file.json")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be written"):
        check_writable(tmp_path / "file" / "under.json")


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_stays(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    for write in (lambda: write_whole(path, b"x"), lambda: check_writable(path)):
        with pytest.raises(ConfigError, match="is no file"):
            write()
    assert not path.is_file()
