"""Files are put there whole, known again, and nothing of somebody else's is lost."""

import os
from pathlib import Path, PurePosixPath

import pytest

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.service.place import MARK, Found, apply, changes, marked, refuse_others

A, B = PurePosixPath("/etc/a.conf"), PurePosixPath("/etc/b/c.conf")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_files_bear_the_mark_and_everybody_may_read_them(tmp_path: Path) -> None:
    found = changes({A: "one\n", B: "two\n"}, tmp_path)
    assert [(one.found, one.needed) for one in found] == [(Found.NOTHING, True)] * 2
    apply(found, tmp_path)
    assert (tmp_path / "etc/a.conf").read_text() == marked("one\n")
    assert (tmp_path / "etc/b/c.conf").stat().st_mode & 0o777 == 0o644
    assert names(tmp_path / "etc") == ["a.conf", "b"]


def test_what_was_put_there_is_there_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def logged(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", logged)
    apply(changes({A: "one\n"}, tmp_path), tmp_path)
    assert synced[0].startswith(str(tmp_path / "etc/.a.conf-"))
    assert synced[1:] == [str(tmp_path / "etc")]
    apply(changes({A: None}, tmp_path), tmp_path)
    assert synced[2:] == [str(tmp_path / "etc")]


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    apply(changes({A: "one\n"}, tmp_path), tmp_path)
    before = (tmp_path / "etc/a.conf").stat()
    (again,) = found = changes({A: "one\n"}, tmp_path)
    assert not again.needed
    apply(found, tmp_path)
    assert (tmp_path / "etc/a.conf").stat().st_ino == before.st_ino


def test_a_change_is_shown_and_made(tmp_path: Path) -> None:
    apply(changes({A: "one\ntwo\n"}, tmp_path), tmp_path)
    (change,) = found = changes({A: "one\nthree\n"}, tmp_path)
    refuse_others(found)
    assert {"-two", "+three"} <= set(change.diff().splitlines())
    apply(found, tmp_path)
    assert (tmp_path / "etc/a.conf").read_text() == marked("one\nthree\n")


def test_what_is_not_wanted_any_more_is_removed(tmp_path: Path) -> None:
    apply(changes({A: "one\n", B: "two\n"}, tmp_path), tmp_path)
    apply(changes({A: "one\n", B: None}, tmp_path), tmp_path)
    assert (tmp_path / "etc/a.conf").exists()
    assert not (tmp_path / "etc/b/c.conf").exists()


@pytest.mark.parametrize("wanted", ["new\n", None])
def test_what_was_changed_since_is_not_lost(tmp_path: Path, wanted: str | None) -> None:
    apply(changes({A: "one\n"}, tmp_path), tmp_path)
    file = tmp_path / "etc/a.conf"
    file.write_text(file.read_text() + "mine\n")
    found = changes({A: wanted}, tmp_path)
    assert found[0].found is Found.EDITED
    with pytest.raises(ConfigError, match="changed since.*systemctl edit"):
        refuse_others(found)


def test_what_somebody_else_wrote_is_not_replaced_and_never_removed(tmp_path: Path) -> None:
    file = tmp_path / "etc/a.conf"
    file.parent.mkdir()
    file.write_text("theirs\n")
    with pytest.raises(ConfigError, match="not written by neurograsp"):
        refuse_others(changes({A: "one\n"}, tmp_path))
    found = changes({A: None}, tmp_path)
    refuse_others(found)
    apply(found, tmp_path)
    assert file.read_text() == "theirs\n"


def test_a_mark_alone_makes_no_file_ours(tmp_path: Path) -> None:
    file = tmp_path / "etc/a.conf"
    file.parent.mkdir()
    file.write_text(f"{MARK}{'0' * 64}\ntheirs\n")
    assert changes({A: None}, tmp_path)[0].found is Found.EDITED


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_is_no_file_is_left_alone(tmp_path: Path, kind: str) -> None:
    """`systemctl mask` leaves a link."""
    path = tmp_path / "etc/a.conf"
    path.parent.mkdir()
    path.mkdir() if kind == "folder" else path.symlink_to("/dev/null")
    with pytest.raises(ConfigError, match=r"a\.conf"):
        changes({A: "one\n"}, tmp_path)


def test_if_one_cannot_be_written_none_is(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/b").write_text("a file where a folder is wanted\n")
    with pytest.raises(ConfigError, match="cannot be"):
        apply(changes({A: "one\n", B: "two\n"}, tmp_path), tmp_path)
    assert names(tmp_path / "etc") == ["b"]
