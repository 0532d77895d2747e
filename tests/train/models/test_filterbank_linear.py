import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, lfilter, lfilter_zi
from scipy.special import expit, softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from toys import lazy

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.models import filterbank_linear as bank
from neurograsp.train.window_set import WindowSet

RATE = 100.0


def windows(n_actions: int = 3, n: int = 240, seed: int = 0) -> WindowSet:
    rng = np.random.default_rng(seed)
    action = rng.integers(n_actions, size=n)
    x = rng.normal(0, 12, (n, 20, 3)) + 10 * np.eye(3)[action % 3][:, None]
    y = np.eye(n_actions, dtype=np.float32)[action]
    return WindowSet(lazy(np.clip(np.rint(x), -128, 127).astype(np.int8)), y)


def test_the_matrices_are_the_primed_filters() -> None:
    x = windows().x[:4]
    last = bank.features(x, bank.filter_matrices(bank.design(20, RATE)))[:, : 10 * 3].reshape(4, 10, 3)
    for k, corner in enumerate(bank.CORNERS_HZ):
        b, a = butter(1, corner, fs=RATE)
        real = x / 16
        start = lfilter_zi(b, a)[None, :, None] * real[:, :1]
        assert last[:, k] == pytest.approx(lfilter(b, a, real, axis=1, zi=start)[0][:, -1])


def test_logits_are_those_of_sklearn() -> None:
    train, test = windows(), windows(seed=1)
    model = bank.fit_filterbank_linear(train, RATE, "softmax")
    matrices = bank.filter_matrices(model.responses)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=np.full(3, 1 / 3))
    lda.fit(bank.features(train.x[:], matrices), train.y.argmax(axis=1))
    assert model.logits(test.x[:]) == pytest.approx(lda.decision_function(bank.features(test.x[:], matrices)))
    assert (model.logits(test.x[:]).argmax(axis=1) == test.y.argmax(axis=1)).mean() > 0.8


def test_its_size() -> None:
    """As the module says of 29 x 32 at 100 Hz and 6 actions."""
    n_features = 32 * (2 * 10 + 1)
    model = bank.FilterbankLinear(bank.design(29, RATE), np.zeros((n_features, 6)), np.zeros(6))
    found = model.summary()
    assert (n_features, found.parameters) == (672, 672 * 6 + 6)
    assert found.macs == 10 * 29**2 * 32 + 672 * 6
    assert round(found.macs / 1e6, 2) == 0.27


def test_exclusive_sigmoids_are_the_softmax() -> None:
    train = windows()
    scores = bank.fit_filterbank_linear(train, RATE, "softmax").logits(train.x[:])
    odds = bank.fit_filterbank_linear(train, RATE, "sigmoid").logits(train.x[:])
    assert expit(odds) == pytest.approx(softmax(scores, axis=1))


def test_two_actions_and_overlapping_labels() -> None:
    two = windows(n_actions=2)
    logits = bank.fit_filterbank_linear(two, RATE, "softmax").logits(two.x[:])
    assert (logits.argmax(axis=1) == two.y.argmax(axis=1)).mean() > 0.9
    several = windows()
    y = np.maximum(several.y, np.roll(several.y, 1, axis=1))
    overlapping = WindowSet(several.x, y)
    logits = bank.fit_filterbank_linear(overlapping, RATE, "sigmoid").logits(several.x[:])
    assert ((logits > 0) == (y > 0)).mean() > 0.8


def test_saved_and_read_back_with_numpy_only(tmp_path: Path) -> None:
    data = windows()
    model = bank.fit_filterbank_linear(data, RATE, "sigmoid")
    path = tmp_path / "linear.npz"
    model.save(path)
    np.save(tmp_path / "x.npy", data.x[:])
    code = f"""
import sys
from pathlib import Path
import numpy as np
from neurograsp.train.models.filterbank_linear import FilterbankLinear
folder = Path({str(tmp_path)!r})
np.save(folder / "logits.npy", FilterbankLinear.load(folder / "linear.npz").logits(np.load(folder / "x.npy")))
assert not {{"scipy", "sklearn", "tensorflow"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert np.array_equal(np.load(tmp_path / "logits.npy"), model.logits(data.x[:]))
    with path.open("rb") as file:
        assert np.array_equal(bank.FilterbankLinear.load(file).logits(data.x[:]), model.logits(data.x[:]))


def test_bad_input_is_refused(tmp_path: Path) -> None:
    data = windows()
    model = bank.fit_filterbank_linear(data, RATE, "softmax")
    with pytest.raises(ConfigError, match="fitted for"):
        model.logits(data.x[:][:, :-1])
    others = data.y[:, 0] == 0
    with pytest.raises(ConfigError, match="action number 0"):
        bank.fit_filterbank_linear(WindowSet(data.x.select(others), data.y[others]), RATE, "softmax")
    with pytest.raises(ConfigError, match="decimate less"):
        bank.fit_filterbank_linear(data, 0.5, "softmax")
    for damaged in (b"", b"PK\x03\x04 and no more", b"\x80\x04N."):
        (tmp_path / "damaged.npz").write_bytes(damaged)
        with pytest.raises(ConfigError, match="train again"):
            bank.FilterbankLinear.load(tmp_path / "damaged.npz")
    with pytest.raises(ConfigError, match="train again"):
        bank.FilterbankLinear.load(tmp_path / "missing.npz")
    with pytest.raises(ConfigError, match="not finite"):
        bank.FilterbankLinear(model.responses, model.weights * np.nan, model.bias)
