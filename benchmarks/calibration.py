"""How long it takes to fit the network of many people to one more, on the GAL windows, see docs/results.md.

    python benchmarks/calibration.py --data DIR [--pool-epochs 1]

The pool (subjects 2-5, series 1-6) is trained for `--pool-epochs`: its quality does not change the time. Then
subject 1 calibrates with series 1-2, and with series 1-6 (the end of each validates): as many seconds for
`neurograsp train --from` with all its epochs, and for `neurograsp convert`, each as a process of its own.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from decoding import GAL, OPEN_GATES, Bundles, neurograsp

WITHIN = "data.split=within-session"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pool-epochs", type=int, default=1)
    arguments = parser.parse_args()
    path = f"data.path={arguments.data.resolve() / GAL}"
    with tempfile.TemporaryDirectory() as folder:
        bench = Bundles(arguments.data, Path(folder), seed=0)
        others = (path, "data.subjects=[2,3,4,5]", "data.sessions=[1,2,3,4,5,6]")
        bench.train("gal_people.toml", "pool", *others, f"fit.epochs={arguments.pool_epochs}")
        print("| calibration | epochs | train --from | convert: PTQ | convert: QAT and PTQ |")
        print("| --- | --- | --- | --- | --- |")
        for last in (2, 6):
            sessions = list(range(1, last + 1))
            run = f"series{last}"
            begin = time.monotonic()
            own = (path, "data.subjects=[1]", f"data.sessions={sessions}", WITHIN, "fit.patience=1000")
            bench.train("gal_person.toml", run, *own, start="pool")
            seconds = [time.monotonic() - begin]
            for method in ("ptq", "auto"):
                begin = time.monotonic()
                bundle = str(bench.work / f"{run}.{method}")
                neurograsp("convert", str(bench.work / run), "--out", bundle, "--method", method, *OPEN_GATES)
                seconds.append(time.monotonic() - begin)
            epochs = len(json.loads((bench.work / run / "history.json").read_text())["epochs"])
            figures = " | ".join(f"{one:.0f} s" for one in seconds)
            print(f"| series 1-{last} | {epochs} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
