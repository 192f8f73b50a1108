"""placeholder"""

from pathlib import Path
from typing import Any

from syneg.pipeline.run import Run


def write_report(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Write."""
    return {}, []
