"""The slots on a real disk: killed at every change, on a full disk, and damaged."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import slot_killer
from slot_killer import confirm, give_up, install, leave, opened, running
from small_disk import fill, small_disk

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.errors import CheckFailed, ConfigError
from neurograsp.edge_runtime.deploy import store
from neurograsp.edge_runtime.deploy.slots import Phase, Slots
from neurograsp.edge_runtime.deploy.store import SlotStore


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder that is quick to sync: what is killed there leaves what it leaves on a disk."""
    shm = Path("/dev/shm")
    if not shm.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=shm) as folder:
        yield Path(folder)


def test_killed_at_every_change_it_runs_the_old_or_the_new(memory: Path) -> None:
    subprocess.run([sys.executable, slot_killer.__file__, str(memory)], check=True, timeout=120)


def test_everything_is_synced_before_it_counts_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a power cut leaves what a kill at the same place leaves."""
    log: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def logged_fsync(descriptor: int) -> None:
        log.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def logged_replace(path: Path, target: Path) -> Path:
        log.append(("rename", str(path)))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(Path, "replace", logged_replace)
    slots = opened(tmp_path)
    install(slots, b"old", confirm)
    install(slots, b"new", give_up)
    assert [name for what, name in log if what == "rename"]
    for place, (what, name) in enumerate(log):
        if what != "rename":
            continue
        if not name.endswith(("/current", "/return")):
            assert ("sync", name) in log[:place]
        assert log[place + 1] == ("sync", str(tmp_path))


def test_what_was_good_is_forgotten_before_it_is_overwritten(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        install(opened(tmp_path), content, confirm)
    slots = opened(tmp_path)
    (tmp_path / "a").unlink()
    (tmp_path / "a").mkdir()
    with slots.alone():
        state = slots.settle()
        with slots.incoming() as incoming, pytest.raises(ConfigError, match="Is a directory"):
            slots.put(incoming, state)
    assert not slots.load().spare_was_good


@pytest.mark.parametrize("umask", [0o077, 0o002])
def test_whoever_makes_the_folder_the_service_may_enter_it(umask: int, tmp_path: Path) -> None:
    root = tmp_path / "slots"
    before = os.umask(umask)
    try:
        with opened(root).alone():
            pass
    finally:
        os.umask(before)
    assert root.stat().st_mode & 0o777 == 0o755
    root.chmod(0o750)
    with opened(root).alone():
        pass
    assert root.stat().st_mode & 0o777 == 0o750, "what was there is somebody's own"


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from neurograsp.edge_runtime.deploy.store import SlotStore\n"
        "with SlotStore(Path(sys.argv[1]), str).alone():\n print('held', flush=True)\n time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        slots = opened(tmp_path)
        assert slots.watched
        with pytest.raises(CheckFailed, match="another deployment is under way"), slots.alone():
            pass
        assert main(["slot", "resolve", "--root", str(tmp_path)]) == 0
        holder.kill()
    assert not slots.watched
    with slots.alone():
        pass


def test_a_look_does_not_keep_others_out(tmp_path: Path) -> None:
    slots = opened(tmp_path)
    with slots.alone():
        pass
    with (tmp_path / "lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        held = subprocess.Popen(["sleep", "0.2"], stdin=file)
    try:
        with slots.alone():
            pass
    finally:
        held.wait()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "damaged; remove it, and the slot that current names counts as good"),
        (b"x" * 2**17, "damaged; .*too large"),
        (b'{"schema": "neurograsp.slots/2"}', "remove it"),
        (b'{"schema": "neurograsp.slots/1", "goood": "a"}', "did you mean 'good'"),
        (b'{"schema": "neurograsp.slots/1", "good": "a", "trial": "a"}', "both good and on trial"),
    ],
)
def test_a_damaged_state_is_one_clear_line(content: bytes, message: str, tmp_path: Path) -> None:
    install(opened(tmp_path), b"old", confirm)
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(ConfigError, match=message), opened(tmp_path).alone():
        opened(tmp_path).settle()
    assert running(tmp_path) == b"old"
    (tmp_path / "state.json").unlink()
    assert opened(tmp_path).load() == Slots(good="a")


def test_what_is_not_ours_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "current").mkdir()
    assert main(["slot", "resolve", "--root", str(tmp_path)]) == 0
    assert "nothing was ever deployed here" in capsys.readouterr().out
    (tmp_path / "state.json").write_text('{"schema": "neurograsp.slots/1"}')
    assert main(["slot", "resolve", "--root", str(tmp_path)]) == 4
    assert "current: is no link to a slot; move it away" in capsys.readouterr().err
    (tmp_path / "current").rmdir()
    (tmp_path / "current").symlink_to("/etc")
    assert main(["slot", "resolve", "--root", str(tmp_path)]) == 4
    assert "names '/etc', which is no slot" in capsys.readouterr().err
    (tmp_path / "current").unlink()
    (tmp_path / ".mine-1").write_text("")
    install(opened(tmp_path), b"old", confirm)
    assert (tmp_path / ".mine-1").exists()


def test_a_link_that_somebody_removed_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(opened(tmp_path), b"old", confirm)
    (tmp_path / "current").unlink()
    assert main(["slot", "resolve", "--root", str(tmp_path)]) == 0
    assert running(tmp_path) == b"old"
    assert capsys.readouterr().out == "current is a\n"


def test_resolve_says_what_it_gave_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(opened(tmp_path), b"old", confirm)
    install(opened(tmp_path), b"new", leave)
    assert running(tmp_path) == b"new"
    assert main(["slot", "resolve", "--root", str(tmp_path)]) == 0
    assert running(tmp_path) == b"old"
    assert capsys.readouterr().out.startswith("slot b was on trial, and nobody watched it any more")
    assert main(["slot", "resolve", "--root", str(tmp_path / "nothing")]) == 0
    assert not (tmp_path / "nothing").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(ConfigError, match="as root: install -d"), opened(tmp_path).alone():
        pass


def test_no_link_is_followed_to_the_lock(tmp_path: Path) -> None:
    """Root settles a folder that is another user's."""
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError), opened(tmp_path).alone():
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_before_the_switch_changes_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as root:
        install(opened(root), b"old", confirm)
        slots = opened(root)
        with slots.alone():
            state = slots.settle()
            with slots.incoming() as incoming:
                incoming.write_bytes(b"new")
                state = slots.put(incoming, state)
            fill(root)
            with pytest.raises(ConfigError, match="No space left"):
                slots.switch(state, "ticket")
        assert running(root) == b"old"
        assert slots.load().phase is Phase.SETTLED


def test_a_disk_that_fills_up_during_the_trial_does_not_hinder_the_way_back(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as root:
        install(opened(root), b"old", confirm)

        def end(slots: SlotStore, trial: Slots) -> None:
            fill(root)
            with pytest.raises(ConfigError, match="No space left"):
                slots.confirm(trial, "well")
            with pytest.raises(ConfigError, match="No space left"):
                slots.give_up(trial, "cannot be confirmed")

        install(opened(root), b"new", end)
        assert running(root) == b"old"
        for filler in root.glob("filler*"):
            filler.unlink()
        slots = opened(root)
        with slots.alone():
            assert slots.settle().good == "a"
        assert running(root) == b"old"


def test_the_state_is_json_for_people(tmp_path: Path) -> None:
    install(opened(tmp_path), b"old", confirm)
    assert json.loads((tmp_path / store.STATE).read_text())["good"] == "a"
    assert (tmp_path / store.STATE).stat().st_mode & 0o777 == 0o644
