"""Print vectors.json as lines that C reads without a JSON parser: python3 vectors_txt.py vectors.json

frame NAME HEX VERSION TYPE SESSION SEQ PAYLOAD     a valid frame; numbers decimal, "-" for no payload
broken NAME HEX COUNTER                             no frame; the counter that rises, "-" for none
"""

import json
import sys
from pathlib import Path


def lines(path: Path) -> list[str]:
    """All vectors of the file."""
    vectors = json.loads(path.read_text())
    text = []
    for frame in vectors["messages"] + vectors["unacceptable"]:
        header = (frame.get("version", vectors["version"]), frame["type"], frame["session"], frame["seq"])
        text.append(
            " ".join(map(str, ("frame", frame["name"], frame["hex"], *header, frame["payload"] or "-")))
        )
    for broken in vectors["broken"]:
        text.append(f"broken {broken['name']} {broken['hex']} {broken['counter'] or '-'}")
    return text


if __name__ == "__main__":
    print("\n".join(lines(Path(sys.argv[1]))))
