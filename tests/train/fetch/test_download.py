"""What comes over HTTP is whole and what was published, or it is not there and the message says why."""

import hashlib
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
from web import CutShort, Endless, Told, serving, serving_folder

from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.train.fetch.download import RemoteFile, download

CONTENT = bytes(range(256)) * 1000


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def there(tmp_path: Path) -> Path:
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "a.edf").write_bytes(CONTENT)
    return folder


def file_at(url: str, name: str = "a.edf") -> RemoteFile:
    return RemoteFile(name, url + name, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


def refused(files: list[RemoteFile], here: Path) -> str:
    """The message, after which nothing is left in the folder."""
    with pytest.raises(RecordingError) as caught:
        download(files, here, Told(), retries=0)
    assert list(here.iterdir()) == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_comes_once(there: Path, tmp_path: Path) -> None:
    here, first, second = tmp_path / "new" / "here", Told(), Told()
    with serving_folder(there) as url:
        download([file_at(url)], here, first, retries=0)
    assert (here / "a.edf").read_bytes() == CONTENT
    assert [path.name for path in here.iterdir()] == ["a.edf"]
    assert (first.begun, first.last) == (["a.edf"], (len(CONTENT), len(CONTENT)))
    download([file_at(url)], here, second, retries=0)
    assert second.begun == []


def test_a_damaged_file_is_fetched_again(there: Path, tmp_path: Path) -> None:
    (tmp_path / "a.edf").write_bytes(CONTENT[:-1])
    with serving_folder(there) as url:
        download([file_at(url)], tmp_path, Told(), retries=0)
    assert (tmp_path / "a.edf").read_bytes() == CONTENT


def test_another_file_under_the_name(there: Path, tmp_path: Path) -> None:
    with serving_folder(there) as url:
        message = refused([replace(file_at(url), sha256="0" * 64)], tmp_path / "here")
    assert f"{url}a.edf: what came has not the published SHA-256 000" in message


def test_a_connection_that_ends_early(tmp_path: Path) -> None:
    with serving(CutShort) as url:
        assert "a.edf: cannot be fetched" in refused([file_at(url)], tmp_path / "here")


def test_a_server_that_never_stops(tmp_path: Path) -> None:
    with serving(Endless) as url:
        message = refused([file_at(url)], tmp_path / "here")
    assert f"sends more than the {len(CONTENT)} bytes" in message


def test_a_file_that_is_not_there(there: Path, tmp_path: Path) -> None:
    with serving_folder(there) as url:
        assert "404" in refused([file_at(url, "b.edf")], tmp_path / "here")


def test_without_a_connection_the_message_says_what_to_put_where(tmp_path: Path) -> None:
    with serving(Endless) as url:
        pass
    here = tmp_path / "here"
    message = refused([file_at(url, f"{name}.edf") for name in "abcdef"], here)
    assert f"{url}a.edf: cannot be fetched" in message
    assert message.endswith(f"or put a.edf, b.edf, c.edf and 3 more into {here} by hand")


def test_interrupted_midway(there: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    with serving_folder(there) as url, pytest.raises(KeyboardInterrupt):
        download([file_at(url)], here, Told(interrupt=True), retries=0)
    assert list(here.iterdir()) == []


def test_a_full_disk_is_seen_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 5_000_000, 5_000_000))
    message = refused([replace(file_at("http://127.0.0.1:9/"), max_bytes=8_000_000)], tmp_path)
    assert "5 MB are free, up to 8 MB are to come" in message


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        download([file_at("http://127.0.0.1:9/")], tmp_path / "file" / "here", Told())
