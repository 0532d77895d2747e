"""Writing a `.tflite`."""

from typing import Any


def packed(model: Any) -> bytes:
    """The file of a schema's `ModelT`."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
