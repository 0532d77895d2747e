"""The one place where `convert` imports TensorFlow, Keras 2 and the model optimization toolkit."""

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
    tfmot: Any = importlib.import_module("tensorflow_model_optimization")
except ImportError as error:
    raise MissingExtra("TensorFlow", "train") from error

tf.get_logger().setLevel("ERROR")
