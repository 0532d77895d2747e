"""Stands in for `neurograsp train CONFIG --out RUN`: a score from the configuration, without a network.

Its metrics.json is that beside the folder of the search, with its score. With fit.batch_size 13 it is
refused, with 14 it ends by a signal; while the folder of the search has a file `hold` it waits.
"""

import json
import os
import signal
import sys
import time
import tomllib
from pathlib import Path

from neurograsp.edge_runtime.files import whole_folder

config_path, out = Path(sys.argv[1]), Path(sys.argv[2])
config = tomllib.loads(config_path.read_text())
fit = config["fit"]
begun = config_path.parents[1] / "begun"
begun.mkdir(exist_ok=True)
(begun / f"{out.name}-{os.getpid()}").touch()
while (config_path.parents[1] / "hold").exists():
    time.sleep(0.01)
if fit["batch_size"] == 13:
    print("noise of a library\nneurograsp train: fit: unlucky", file=sys.stderr)
    sys.exit(4)
if fit["batch_size"] == 14:
    os.kill(os.getpid(), signal.SIGKILL)
with whole_folder(out, "run.json") as folder:
    scores = json.loads((config_path.parents[2] / "metrics.json").read_text())
    scores["auc_macro"]["float"] = 1 / (1 + abs(fit["learning_rate"] - 0.01))
    (folder / "metrics.json").write_text(json.dumps(scores))
    (folder / "run.json").write_text(json.dumps(config))
