"""An LSTM as int8: integers throughout, and no memory of the window before."""

from typing import Any

import numpy as np
import pytest
from small_network import windows

from neurograsp.convert import quantize
from neurograsp.convert.verify import check_full_int8
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.errors import ConfigError

build = pytest.importorskip("neurograsp.train.models").build
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def lstm() -> Any:
    """With forget gates that forget little: what is left of one window would show in the next."""
    model = build("article_lstm", 16, 4, 3, units=8)
    layer = model.get_layer("lstm")
    kernel, recurrent, bias = layer.get_weights()
    bias[8:16] = 5
    layer.set_weights([3 * kernel, recurrent, bias])
    return model


@pytest.fixture(scope="module")
def blob(lstm: Any) -> bytes:
    return quantize.ptq(lstm, windows(128, 0)[0], seed=0)


def test_it_is_integer_throughout(blob: bytes) -> None:
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in check_full_int8(blob).operators


@pytest.mark.parametrize("reference_kernels", [False, True])
def test_a_window_starts_without_a_state(lstm: Any, blob: bytes, reference_kernels: bool) -> None:
    x, _ = windows(20, 1)
    one = Classifier(blob, reference_kernels=reference_kernels)
    in_order = np.stack([one.real_logits(window) for window in x])
    backwards = np.stack([one.real_logits(window) for window in x[::-1]])[::-1]
    assert np.array_equal(in_order, backwards)
    wanted = lstm(x[..., None] / np.float32(16)).numpy()
    assert in_order == pytest.approx(wanted, abs=0.1 * float(np.abs(wanted).max()))


def test_quantization_aware_training_says_that_it_cannot(lstm: Any) -> None:
    with pytest.raises(ConfigError, match="QAT cannot quantize article_lstm"):
        quantize.qat(lstm, windows(8, 0), windows(8, 1), "softmax", seed=0)
