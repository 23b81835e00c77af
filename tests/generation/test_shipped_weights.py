"""The small models that come with the repository load as a hub's would."""

import subprocess
import sys
from pathlib import Path

import pytest

WEIGHTS = Path(__file__).parents[2] / "generation" / "weights"


@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted(WEIGHTS.glob("*/")), ids=lambda folder: folder.name)
def test_loads_in_a_process_that_has_imported_nothing_else(folder: Path) -> None:
    code = (
        "from generation.diffusion.loading import load_pipeline, pipeline_files\n"
        f"pipeline = load_pipeline(pipeline_files({str(folder)!r}))\n"
        "assert type(pipeline.vae).__name__ == 'IdentityVAE'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
