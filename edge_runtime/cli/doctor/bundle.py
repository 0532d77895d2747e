"""A bundle as the board would take it."""

from pathlib import Path
from typing import TYPE_CHECKING

from neurograsp.edge_runtime.cli.doctor.row import Row
from neurograsp.edge_runtime.cli.trust import open_trusted

if TYPE_CHECKING:
    from neurograsp.edge_runtime.bundle import Bundle

FIX = "copy the bundle again, or convert the run again"
SIGNATURES = {"none": "not signed", "not checked": "signature not checked", "valid": "signature valid"}


def check_bundle(path: Path, public_key: Path | None) -> "tuple[dict[str, Row], Bundle | None]":
    """Rows `bundle` (hashes, schema, signature) and, where that is in order, `golden vectors`; the bundle."""
    from neurograsp.edge_runtime.bundle import verify_golden
    from neurograsp.edge_runtime.contract.errors import BundleError, ConfigError, MissingExtra

    try:
        opened = open_trusted(path, public_key)
    except BundleError as error:
        return {"bundle": Row("fail", str(error), FIX)}, None
    except (ConfigError, MissingExtra) as error:
        row = Row("fail", f"bundle {path}: {error}", "repair the public key of this machine")
        return {"bundle": row}, None
    rows = {"bundle": Row("ok", f"bundle {path}: hashes match, {SIGNATURES[opened.signature]}")}
    try:
        steps = verify_golden(opened)
    except BundleError as error:
        rows["golden vectors"] = Row("fail", str(error), FIX)
    else:
        what = f"golden vectors reproduced: bit for bit, and with the fast kernels within {steps} steps"
        rows["golden vectors"] = Row("ok", what)
    return rows, opened
