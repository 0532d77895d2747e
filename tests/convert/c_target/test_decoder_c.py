"""Filter and network in C, one frame of counts at a time: logits when the board has them, and the same."""

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from core_bench import compile_c
from toys import toy_signal

from neurograsp.convert.c_target.export import write_sources
from neurograsp.convert.c_target.network_c import network_in_c
from neurograsp.convert.c_target.signal_c import signal_files
from neurograsp.convert.streaming import stream
from neurograsp.edge_runtime.bundle import run_golden
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet, FirStage

WINDOW, N_CHANNELS, N_FRAMES = 16, 4, 90
ACTIONS = ActionSet(("rest", "fist", "open"), ("REST", "FIST", "OPEN"), "softmax", "rest")
HALVED = FirStage("fir", "moving_average", None, (2**14, 2**14), 2)
UNTOUCHED = 99
SOURCES = ("kernel.c", "ng_filter.c", "ng_signal.c", "ng_layers.c", "ng_network.c", "ng_decoder.c")


@pytest.mark.parametrize(
    ("hop", "whole_windows", "decimated"),
    [(1, False, False), (3, False, True), (16, False, False), (5, True, True), (16, True, False)],
)
def test_the_logits_of_the_board(
    hop: int, whole_windows: bool, decimated: bool, blobs: dict[str, bytes], tmp_path: Path
) -> None:
    stages = (HALVED,) if decimated else ()
    spec = replace(toy_signal(stages, n_channels=N_CHANNELS, window=WINDOW, hop=hop), actions=ACTIONS)
    blob = blobs["ptq"]
    write_sources(tmp_path)
    network = network_in_c(blob if whole_windows else stream(blob, hop).blob)
    for name, text in {**signal_files(spec), **network.files}.items():
        (tmp_path / name).write_text(text)
    sources = [tmp_path / name for name in SOURCES]
    library = ctypes.CDLL(str(compile_c(sources, tmp_path / "decoder.so", "-shared", "-fPIC")))
    for seed in (0, 1):
        counts = np.random.default_rng(seed).integers(-(2**15), 2**15, (N_FRAMES, N_CHANNELS), np.int32)
        reference = Classifier(blob, reference_kernels=True)
        wanted = run_golden(spec, DecisionSpec((0.9,) * 3, (0.6,) * 3), reference, counts).logits
        library.ng_decoder_reset()
        found = []
        for row in counts:
            logits = np.full(3, UNTOUCHED, np.int8)
            if library.ng_decoder_push(row.ctypes, logits.ctypes):
                found.append(logits)
            else:
                assert (logits == UNTOUCHED).all()
        np.testing.assert_array_equal(np.stack(found), wanted)
