"""Files over HTTP by pooch: whole and with the hash they are known by, or not at all."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neurograsp.edge_runtime.contract.errors import MissingExtra, RecordingError
from neurograsp.edge_runtime.files import check_writable
from neurograsp.train.fetch.source import Progress

CHUNK_BYTES = 1 << 16
RESERVE_BYTES = 1 << 26
"""Of disk space to be left."""


@dataclass(frozen=True)
class RemoteFile:
    """Attributes:
    name: to keep it under.
    url: where it is.
    sha256: of its content.
    max_bytes: no less than it has; a server that sends more is cut off.
    """

    name: str
    url: str
    sha256: str
    max_bytes: int


def download(files: Sequence[RemoteFile], folder: Path, progress: Progress, retries: int = 2) -> None:
    """Bring files into a folder, except for those that are there with the right hash.

    A file appears under its name when all of it is there and its hash is right.

    Raises:
        ConfigError: the folder cannot be written.
        MissingExtra: pooch is not installed.
        RecordingError: a file cannot be fetched, is another one, or does not fit on the disk.
    """
    try:
        import pooch
    except ImportError as error:
        raise MissingExtra("pooch", "train") from error
    pooch.get_logger().setLevel(logging.WARNING)
    missing = [
        file
        for file in files
        if not (folder / file.name).is_file() or pooch.file_hash(str(folder / file.name)) != file.sha256
    ]
    if not missing:
        return
    check_writable(folder / missing[0].name)
    _check_space(folder, sum(file.max_bytes for file in missing))
    keeper = pooch.create(
        path=folder,
        base_url="",
        registry={file.name: file.sha256 for file in missing},
        urls={file.name: file.url for file in missing},
        retry_if_failed=retries,
    )
    for file in missing:
        progress.begin(file.name)
        downloader = pooch.HTTPDownloader(progressbar=_Meter(file, progress), chunk_size=CHUNK_BYTES)
        try:
            keeper.fetch(file.name, downloader=downloader)
        except ValueError as error:
            raise RecordingError(
                f"{file.url}: what came has not the published SHA-256 {file.sha256}; try again, and if "
                "it stays so ask those who publish it"
            ) from error
        except OSError as error:  # requests' errors are among these
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise RecordingError(
                f"{file.url}: cannot be fetched ({reason}); look at the connection and try again, or put "
                f"{_listed(missing)} into {folder} by hand"
            ) from error


def _listed(files: Sequence[RemoteFile]) -> str:
    names = [file.name for file in files]
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _check_space(folder: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < n_bytes + RESERVE_BYTES:
        raise RecordingError(
            f"{folder}: {free / 1e6:.0f} MB are free, up to {n_bytes / 1e6:.0f} MB are to come; make room, "
            "or choose another folder with --data-dir"
        )


class _Meter:
    """What pooch takes for a progress bar: counts what comes, and stops what is too much."""

    def __init__(self, file: RemoteFile, progress: Progress) -> None:
        self.total = 0
        self._file = file
        self._progress = progress
        self._n_bytes = 0

    def update(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        if self._n_bytes > self._file.max_bytes + CHUNK_BYTES:
            raise RecordingError(
                f"{self._file.url}: sends more than the {self._file.max_bytes} bytes that such a file has; "
                "look at what is there"
            )
        self._progress.at(min(self._n_bytes, self.total or self._n_bytes), self.total)

    def reset(self) -> None:
        """Pooch now tells the whole length once more."""
        self._n_bytes = 0

    def close(self) -> None:
        """Nothing is open."""
