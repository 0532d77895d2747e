"""What a decision costs, window by window and hop by hop, and on other runtimes: see docs/streaming.md.

    python benchmarks/streaming.py [--networks article_cnn article_cnn+projection eegnet temporal_context]
                                   [--hop 1] [--calls 150]

One thread, one process, windows of 100 frames x 32 channels and 6 actions. Networks are not trained, since
time is all that is measured. Medians in ms: back to back, and paced at 50 Hz as on a live stream, where
caches have cooled between calls and the filter's work comes first. ONNX Runtime is measured where the
dependency group `peers` is installed.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1", OMP_NUM_THREADS="1")

import numpy as np
import numpy.typing as npt

from neurograsp.convert import quantize
from neurograsp.convert.stream_check import check_stream
from neurograsp.convert.streaming import stream
from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.edge_runtime.stream_classifier import StreamClassifier
from neurograsp.train.models import build

WINDOW, N_CHANNELS, N_ACTIONS = 100, 32, 6
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "article_cnn": ("article_cnn", {}),
    "article_cnn+projection": ("article_cnn", {"projection": 16}),
    "eegnet": ("eegnet", {}),
    "temporal_context": ("temporal_context", {}),
}
PACE_S = 0.02
FRAMES_A_TICK = 10
SAMPLE = Path(__file__).resolve().parents[1] / "edge_runtime/samples/bundles/grasp-and-lift"
"""Its filter is the one that works: 32 electrodes at 500 Hz."""

WARM_UP = 20

Window = npt.NDArray[np.int8]
Run = Callable[[Window], object]


def windows(n: int) -> Window:
    return np.random.default_rng(0).integers(-128, 128, (n, WINDOW, N_CHANNELS), np.int8)


def runtimes(name: str, hop: int) -> Iterator[tuple[str, Run]]:
    """Label and a function of one window."""
    kind, options = NETWORKS[name]
    network = build(kind, WINDOW, N_CHANNELS, N_ACTIONS, **options)
    floating, whole = quantize.to_float_tflite(network), quantize.ptq(network, windows(64), seed=0)
    streamed = stream(whole, hop)
    check_stream(streamed, whole, windows(2).reshape(-1, N_CHANNELS), seed=0)
    share = streamed.macs / streamed.window_macs
    print(
        f"\n{name}: {streamed.window_macs / 1e6:.3g} M multiplications a window, {share:.1%} of them a hop\n"
    )
    yield "LiteRT, int8, hop by hop", StreamClassifier(streamed.blob, forget=False).logits
    yield "LiteRT, float32, hop by hop", StreamClassifier(stream(floating, hop).blob, forget=False).logits
    yield "LiteRT, int8, windows", Classifier(whole, forget=False).logits
    yield "LiteRT, float32, windows", Classifier(floating, forget=False).logits
    yield from onnx_runtime(floating)
    yield "Keras, float32, windows", lambda window: network(real(window), training=False).numpy()


def real(window: Window) -> npt.NDArray[np.float32]:
    return window.reshape(1, WINDOW, N_CHANNELS, 1).astype(np.float32) / 16


def onnx_runtime(floating: bytes) -> Iterator[tuple[str, Run]]:
    """The float window network, and ONNX Runtime's own quantization of it."""
    try:
        import onnxruntime as ort
        import tf2onnx
        from onnxruntime.quantization import CalibrationDataReader, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        print(f"(without ONNX Runtime: {error})\n")
        return

    class Calibration(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, entry: str) -> None:
            self._feeds = iter([{entry: real(window)} for window in windows(64)])

        def get_next(self) -> Any:
            return next(self._feeds, None)

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1

    def run_of(path: Path) -> Run:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        entry = session.get_inputs()[0].name
        return lambda window: session.run(None, {entry: real(window)})

    with TemporaryDirectory() as folder:
        lite, plain, prepared, small = (
            Path(folder) / name for name in ("a.tflite", "a.onnx", "b.onnx", "c.onnx")
        )
        lite.write_bytes(floating)
        tf2onnx.convert.from_tflite(str(lite), opset=18, output_path=str(plain))
        run = run_of(plain)
        yield "ONNX Runtime, float32, windows", run
        quant_pre_process(str(plain), str(prepared))
        entry = ort.InferenceSession(str(prepared)).get_inputs()[0].name
        quantize_static(str(prepared), str(small), Calibration(entry))
        yield "ONNX Runtime, int8, windows", run_of(small)


def measure(run: Run, calls: int, paced: bool) -> float:
    """Median of a call in ms."""
    given = windows(8)
    sample = open_bundle(SAMPLE)
    chain = FilterChain(sample.manifest.signal)
    counts = sample.golden.counts[:FRAMES_A_TICK]
    taken = []
    begin = time.perf_counter()
    for i in range(WARM_UP + calls):
        if paced:
            time.sleep(max(0.0, begin + i * PACE_S - time.perf_counter()))
            chain.process(counts)
        start = time.perf_counter()
        run(given[i % len(given)])
        taken.append(time.perf_counter() - start)
    return median(taken[WARM_UP:]) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--hop", type=int, default=1)
    parser.add_argument("--calls", type=int, default=150)
    arguments = parser.parse_args()
    for name in arguments.networks:
        for number, (label, run) in enumerate(runtimes(name, arguments.hop)):
            if number == 0:
                print("| | back to back | at 50 Hz |\n| --- | --- | --- |")
            figures = " | ".join(f"{measure(run, arguments.calls, paced):.3f}" for paced in (False, True))
            print(f"| {label} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
