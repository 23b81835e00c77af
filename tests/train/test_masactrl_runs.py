"""The edit branch of MasaCtrl is trained by the command line on a tiny model."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.generation.tiny_latent_models import write_sd
from train.cli import main

ROOT = Path(__file__).parents[2]
NAME = "mask_editor/masactrl.yaml"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sd(tmp_path_factory.mktemp("models") / "tiny-sd")


def shipped(sd: Path, data: Path, run: Path) -> list[str]:
    return [
        *("fit", "--config", str(ROOT / "configs" / NAME)),
        *("--config", str(ROOT / "tests" / "overlays" / NAME)),
        *("--model.masactrl.model", str(sd), "--trainer.accelerator", "cpu"),
        *("--trainer.default_root_dir", str(run), "--trainer.enable_progress_bar", "false"),
        *("--data.root", str(data), "--data.cache", str(run / "cache")),
    ]


def test_shipped_configuration_runs_a_batch(sd: Path, tmp_path: Path) -> None:
    main([*shipped(sd, tmp_path / "made", tmp_path), "--trainer.fast_dev_run", "1"])
    assert not (tmp_path / "adapter").exists()


def test_continued_run_leaves_the_adapter_of_an_undisturbed_one(
    sd: Path, make_set: Callable[..., Path], tmp_path: Path
) -> None:
    data = make_set(tmp_path / "set", train=8, val=4, test=1)
    runs = [tmp_path / name for name in ("undisturbed", "continued")]
    # batches 0 to 3 are an epoch, two optimizer steps each: it ends within the first epoch
    for run, stops in zip(runs, [(12,), (4, 12)], strict=True):
        for stop in stops:
            flags = ["--trainer.max_steps", str(stop), "--data.source", "null"]
            main([*shipped(sd, data, run), *flags, "--ckpt_path", "last"])
    one, two = ({p.name: p.read_bytes() for p in (run / "adapter").iterdir()} for run in runs)
    assert one == two
    assert len(one) == 2
