"""Where electrodes are on the scalp, by their names in the international 10-5 system."""

import warnings
from collections.abc import Sequence
from typing import Any

from neurograsp.edge_runtime.contract.errors import ConfigError, MissingExtra


def montage() -> Any:
    """MNE's standard positions.

    Oostenveld & Praamstra, "The five percent electrode system for high-resolution EEG and ERP measurements",
    Clin. Neurophysiol. 112:713-719 (2001).

    Raises:
        MissingExtra: MNE is not installed.
    """
    try:
        import mne
    except ImportError as error:
        raise MissingExtra("MNE", "train") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # MNE 1.14 knows it by another name only
        try:
            return mne.channels.make_standard_montage("standard_1005")
        except ValueError:
            return mne.channels.make_standard_montage("colin27_1005")


def scalp_places(channels: Sequence[str]) -> tuple[list[int], Any]:
    """Columns of the channels whose place on the scalp is known, and an MNE Info with these places.

    Raises:
        ConfigError: fewer than four are known.
        MissingExtra: MNE is not installed.
    """
    known = montage()
    spelling = {name.lower(): name for name in known.ch_names}
    columns = [number for number, name in enumerate(channels) if name.lower() in spelling]
    if len(columns) < 4:
        raise ConfigError(
            f"a scalp map needs four electrodes of the 10-5 system or more; of {', '.join(channels):.80} "
            f"{len(columns)} are known"
        )
    import mne

    info = mne.create_info([spelling[channels[number].lower()] for number in columns], 100.0, "eeg")
    info.set_montage(known)
    return columns, info
