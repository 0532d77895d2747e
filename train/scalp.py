"""Where electrodes are on the scalp, by their names in the international 10-5 system."""

import warnings
from typing import Any

from neurograsp.edge_runtime.contract.errors import MissingExtra


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
