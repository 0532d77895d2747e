"""Networks that QAT and PTQ both know as int8: integers throughout, and the logits of the float network."""

import numpy as np
import pytest
from small_network import windows, with_weights

from neurograsp.convert import quantize
from neurograsp.convert.verify import check_full_int8
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.errors import ConfigError

build = pytest.importorskip("neurograsp.train.models").build


@pytest.mark.parametrize("method", ["ptq", pytest.param("qat", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("name", "operators"),
    [
        ("temporal_context", {"CONV_2D", "AVERAGE_POOL_2D"}),
        ("band_power", {"CONV_2D", "RESHAPE"}),
        ("committee", {"CONV_2D", "FULLY_CONNECTED", "ADD"}),
    ],
)
def test_integer_throughout(name: str, operators: set[str], method: str) -> None:
    model = with_weights(build(name, 16, 4, 3))
    x, _ = windows(64, 1)
    if method == "ptq":
        blob = quantize.ptq(model, windows(128, 0)[0], seed=0)
    else:
        options = quantize.QatOptions(epochs=1, batch_size=32, learning_rate=1e-6)
        blob = quantize.qat(model, windows(64, 0), windows(32, 1), "softmax", seed=0, options=options).blob
    assert operators <= set(check_full_int8(blob).operators)
    network = Classifier(blob)
    logits = np.stack([network.real_logits(window) for window in x])
    wanted = model.predict(x[..., None] / 16, verbose=0)
    assert np.abs(logits - wanted).mean() < 0.05 * np.ptp(wanted)


def test_what_was_fitted_apart_is_not_trained_together() -> None:
    model = build("committee", 16, 4, 3)
    model.trainable = False
    with pytest.raises(ConfigError, match="QAT would train committee as a whole, whose members were fitted"):
        quantize.qat(model, windows(8, 0), windows(8, 1), "softmax", seed=0)
