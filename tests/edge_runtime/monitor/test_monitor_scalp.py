"""Places of electrodes against those of MNE, which have another source."""

import numpy as np
import pytest

from neurograsp.edge_runtime.monitor.scalp import RING, place, places

GAL = (
    "Fp1 Fp2 F7 F3 Fz F4 F8 FC5 FC1 FC2 FC6 T7 C3 Cz C4 T8 TP9 CP5 CP1 CP2 CP6 TP10 P7 P3 Pz P4 P8 PO9 O1 Oz "
    "O2 PO10"
)


@pytest.mark.slow  # MNE takes seconds to import
def test_all_of_the_10_10_system_are_where_mne_has_them() -> None:
    pytest.importorskip("mne")
    from neurograsp.train.scalp import montage

    known = {name: at for name, at in montage().get_positions()["ch_pos"].items() if place(name) is not None}
    assert len(known) > 85
    at = np.array(list(known.values()))
    # The sphere that fits best, flattened so that distances from the top are kept.
    centre = np.linalg.lstsq(np.c_[2 * at, np.ones(len(at))], (at**2).sum(axis=1), rcond=None)[0][:3]
    at -= centre
    at /= np.linalg.norm(at, axis=1, keepdims=True)
    turn = np.arctan2(at[:, 1], at[:, 0])
    out = RING * np.arctan2(np.hypot(at[:, 0], at[:, 1]), at[:, 2]) / (np.pi / 2)
    theirs = np.c_[out * np.cos(turn), out * np.sin(turn)]
    ours = np.array([place(name) for name in known])
    assert np.hypot(*(ours - theirs).T).max() < 0.12


def test_left_mirrors_right() -> None:
    for left, right in (("Fp1", "Fp2"), ("F7", "F8"), ("TP9", "TP10"), ("PO3", "PO4"), ("I1", "I2")):
        (x, y), (other_x, other_y) = place(left) or (9, 9), place(right) or (0, 0)
        assert x < 0
        assert (-x, y) == (other_x, other_y)


@pytest.mark.parametrize("name", ["C7", "T1", "Fp3", "O9", "E1", "EMG", "Czz", "", "FCz2", "F0", "F11", "X3"])
def test_unknown(name: str) -> None:
    assert place(name) is None


def test_older_names_and_any_case() -> None:
    assert place("t3") == place("T7")
    assert place("FPZ") == place("Fpz") == (0.0, RING)


def test_a_map_needs_four() -> None:
    assert places(("C3", "Cz", "C4", "EMG1")) == {}
    assert list(places(("EMG1", "C3", "Cz", "C4", "Pz"))) == [1, 2, 3, 4]
    assert len(places(GAL.split())) == 32
