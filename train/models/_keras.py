"""The one place where `train` imports TensorFlow: Keras 2, without the start-up chatter.

tensorflow-model-optimization knows Keras 2 only, so every network is a `tf_keras` model.
"""

import importlib
import os
from typing import Any

from neurograsp.edge_runtime.contract.errors import MissingExtra

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

try:
    tf: Any = importlib.import_module("tensorflow")
    keras: Any = importlib.import_module("tf_keras")
except ImportError as error:
    raise MissingExtra("TensorFlow", "train") from error

tf.get_logger().setLevel("ERROR")
