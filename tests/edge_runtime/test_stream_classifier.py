"""The shipped network hop by hop: the decisions of whole windows, states that can be kept, files that lie."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import REPOSITORY, chunks

from neurograsp.edge_runtime.bundle import (
    MANIFEST,
    MANIFEST_HASH,
    Bundle,
    manifest_hash_line,
    open_bundle,
    verify_golden,
)
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.errors import BundleError
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.quality import SignalQuality
from neurograsp.edge_runtime.stream_classifier import StreamClassifier

SHIPPED = REPOSITORY / "edge_runtime" / "samples" / "bundles" / "grasp-and-lift"


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return open_bundle(SHIPPED)


def streamed(bundle: Bundle) -> StreamClassifier:
    made = bundle.streamed(reference_kernels=True)
    assert made is not None
    return made


@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 1500), max_size=8),
    jumps=st.lists(st.tuples(st.integers(1, 1499), st.integers(1, 400)), max_size=3),
    seed=st.integers(0, 100),
)
def test_the_decisions_of_whole_windows(
    cuts: list[int], jumps: list[tuple[int, int]], seed: int, shipped: Bundle
) -> None:
    """Whatever the gaps and the chunks, from the first decision on; none comes before a window is full."""
    signal = shipped.manifest.signal
    rng = np.random.default_rng(seed)
    counts = rng.integers(-3000, 3000, (1500, len(signal.channels)), dtype=np.int32)
    index = np.arange(1500)
    for at, missing in jumps:
        index[at:] += missing
    quality = SignalQuality(signal, shipped.manifest.quality)
    whole = Pipeline(signal, shipped.manifest.decision, shipped.classifier().real_logits, quality=quality)
    by_hops = shipped.pipeline()
    wanted = whole.push(counts, index)
    found = [one for part in chunks(1500, cuts) for one in by_hops.push(counts[part], index[part])]
    assert [(one.frame, one.logits.tolist(), one.action, one.reason) for one in found] == [
        (one.frame, one.logits.tolist(), one.action, one.reason) for one in wanted
    ]


def test_states_can_be_kept_and_put_back(shipped: Bundle) -> None:
    """Two streams in one network, hop by hop in turn, are as if each were alone."""
    signal, network = shipped.manifest.signal, streamed(shipped)
    hop = signal.hop
    frames = shipped.golden.filtered[: signal.window + 20 * hop]
    lines = frames, frames[::-1]
    alone = [network.follow(line, signal.window)[-1] for line in lines]
    states = [network.initial_states(), network.initial_states()]
    last: list[Any] = [None, None]
    n_hops = len(frames) // hop
    for i in range(n_hops):
        end = len(frames) - (n_hops - 1 - i) * hop
        for which, line in enumerate(lines):
            network.states = states[which]
            last[which] = network.logits(line[end - hop : end])
            states[which] = network.states
    assert np.array_equal(last, alone)


def test_a_restart_forgets(shipped: Bundle) -> None:
    network, frames = streamed(shipped), shipped.golden.filtered
    first = network.follow(frames, shipped.manifest.signal.window)
    assert any(state.any() for state in network.states)
    network.restart()
    assert all(np.array_equal(*pair) for pair in zip(network.states, network.initial_states()))
    assert np.array_equal(network.follow(frames, shipped.manifest.signal.window), first)


def reseal(bundle: Path, change: Callable[[dict[str, Any]], None]) -> None:
    manifest = json.loads((bundle / MANIFEST).read_bytes())
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    change(manifest)
    raw = json.dumps(manifest).encode()
    (bundle / MANIFEST).write_bytes(raw)
    (bundle / MANIFEST_HASH).write_bytes(manifest_hash_line(hashlib.sha256(raw).hexdigest()))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "copy")
    return tmp_path / "copy"


def test_facts_without_the_file_and_the_file_without_facts(copy: Path) -> None:
    reseal(copy, lambda manifest: manifest.update(stream=None))
    with pytest.raises(BundleError, match="belong together"):
        open_bundle(copy)


def test_a_bundle_without_it_runs_on_whole_windows(copy: Path) -> None:
    (copy / "stream.tflite").unlink()
    manifest = json.loads((copy / MANIFEST).read_bytes())
    del manifest["files"]["stream.tflite"], manifest["stream"]
    (copy / MANIFEST).write_text(json.dumps(manifest))
    reseal(copy, lambda manifest: None)
    bundle = open_bundle(copy)
    verify_golden(bundle)
    assert bundle.streamed() is None
    counts = bundle.golden.counts
    assert len(bundle.pipeline().push(counts, np.arange(len(counts)))) == bundle.manifest.golden.windows


def test_another_network_is_refused_as_it_does_not_take_hops(copy: Path) -> None:
    shutil.copy(copy / "model.tflite", copy / "stream.tflite")
    reseal(copy, lambda manifest: None)
    with pytest.raises(BundleError, match="does not take hops of the manifest's signal"):
        verify_golden(open_bundle(copy))


def test_other_weights_are_seen(copy: Path) -> None:
    """Another weight, the very same shapes: only the golden vectors can tell."""
    run = Classifier((copy / "model.tflite").read_bytes())._interpreter
    (head,) = [one["index"] for one in run.get_tensor_details() if tuple(one["shape"]) == (6, 160)]
    weights, stream = run.get_tensor(head).tobytes(), (copy / "stream.tflite").read_bytes()
    assert stream.count(weights) == 1
    (copy / "stream.tflite").write_bytes(stream.replace(weights, weights[1:] + weights[:1]))
    reseal(copy, lambda manifest: None)
    with pytest.raises(BundleError, match="other logits than window by window"):
        verify_golden(open_bundle(copy))


@pytest.mark.parametrize("blob", [b"", b"no flatbuffer", b"\0" * 4096])
def test_what_is_no_network_is_refused(blob: bytes) -> None:
    with pytest.raises(BundleError, match=r"^stream\.tflite: LiteRT cannot load it: .+"):
        StreamClassifier(blob)
