"""Labelled recordings for `neurograsp calibrate` on the device's side (entry point `neurograsp.labelled`)."""

from pathlib import Path

import numpy as np

from neurograsp.edge_runtime.calibration import Labelled
from neurograsp.edge_runtime.contract.manifest import Manifest
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames
from neurograsp.firmware_bridge.strict import decode
from neurograsp.train.channels import fitted
from neurograsp.train.config import ActionsConfig, LabelsConfig
from neurograsp.train.datasets import open_recordings
from neurograsp.train.evaluate import what_happened
from neurograsp.train.targets import action_codes


def read_labelled(path: Path, manifest: Manifest, bundle: str) -> list[Labelled]:
    """Read a recording, or a folder of them, as a bundle means its labels.

    Args:
        path: file or folder.
        manifest: of the bundle.
        bundle: its path, for messages.

    Raises:
        ConfigError: the bundle does not say which labels its actions had.
        RecordingError: a recording cannot be read, does not fit the bundle, or has none of its labels.
    """
    actions, labels = meant_labels(manifest, bundle)
    spec, found = manifest.signal, []
    for recording in open_recordings(path):
        one = fitted(recording, spec)
        codes = action_codes(one, actions)
        rows = np.concatenate([np.arange(piece.start, piece.stop) for piece in one.iter_pieces()])
        frames = DeltaFrames(
            one.counts[rows], one.frame_index[rows], one.rate_hz, one.channels, one.lsb_uv, one.source
        )
        happened = what_happened(one, codes, spec, labels.unlabelled)
        found.append(Labelled(f"{one.subject}/{one.session}", frames, happened))
    return found


def meant_labels(manifest: Manifest, bundle: str) -> tuple[ActionsConfig, LabelsConfig]:
    """Which labels a bundle's actions had in training. Raises ConfigError where it does not say."""
    config = manifest.provenance.config
    return (
        decode(ActionsConfig, config.get("actions"), f"{bundle}: actions"),
        decode(LabelsConfig, config.get("labels"), f"{bundle}: labels"),
    )
