"""Configurations of open-vocabulary segmentation, each run for a batch of a tiny generated set."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from datamodules.sample import MaskKind, Sample
from tests.datamodules.generated_sets import toy_set
from tests.train.launchers import DDP, lightning
from train.cli import main

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path.name for path in (ROOT / "configs" / "clip_seg").glob("*.yaml"))
PHOTOS_LAST = "few_masks.yaml"  # the second of two steps is on photos


OF_SCENES = ("quickstart.yaml", PHOTOS_LAST)  # the others have the names of LVIS


def labelled(sample: Sample, name: str) -> Sample:
    """A label map with a caption and a counterfactual."""
    return replace(
        sample,
        mask=sample.mask % 2,
        mask_kind=MaskKind.LABELS,
        class_names=("background", name),
        prompt=f"a {name}",
        counterfactual=sample.image.flip(2),
    )


def chair(sample: Sample) -> Sample:
    """One with a name of LVIS."""
    return labelled(sample, "chair")


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_configuration_runs_a_batch(name: str, tmp_path: Path) -> None:
    shown = "red metal bed" if name in OF_SCENES else "chair"
    toy_set(tmp_path / "set", 6, made=partial(labelled, name=shown))
    photos = []
    for split in ("train", "val") if name == PHOTOS_LAST else ():
        photos += [f"--data.{split}.root", str(tmp_path / "maps")]
        photos += [f"--data.{split}.number", "2", f"--data.{split}.scenes.size", "32"]
    main(
        [
            *("fit", "--config", str(ROOT / "configs" / "clip_seg" / name)),
            *("--config", str(ROOT / "tests" / "overlays" / "clip_seg" / name)),
            *("--data.roots", f"[{tmp_path / 'set'}]", *photos),
            *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", str(tmp_path / "run")),
            *("--trainer.max_steps", "2", "--trainer.val_check_interval", "1"),
            *("--trainer.enable_progress_bar", "false"),
        ]
    )
    assert (tmp_path / "run" / "weights.safetensors").is_file()
    # chosen by a validation, of LVIS by all of its 1,203 names
    assert (tmp_path / "run" / "checkpoints" / "best.ckpt").is_file()


@pytest.mark.parametrize("name", CONFIGS)
def test_what_checkpoints_are_chosen_by_is_measured(name: str) -> None:
    config = yaml.safe_load((ROOT / "configs" / "clip_seg" / name).read_text())
    data = config["data"]["init_args"]
    assert config["checkpoint"]["monitor"].startswith("val/")
    assert data.get("val_share", 0) > 0 or "val" in data


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    """Both ranks' masks are counted together, and each image has the classes it has alone."""
    toy_set(tmp_path / "set", 12, made=partial(labelled, name="red metal bed"))
    name = "clip_seg/quickstart.yaml"
    arguments = [
        *("fit", "--config", str(ROOT / "configs" / name)),
        *("--config", str(ROOT / "tests" / "overlays" / name)),
        *("--data.roots", f"[{tmp_path / 'set'}]", "--data.val_share", "0"),
        *("--model.net.dropout", "0", "--model.schedule", "null", "--trainer.max_steps", "3"),
        # Adam would make steps of full length of gradients that are zero but for rounding
        *("--model.optimizer", "torch.optim.SGD", "--model.optimizer.lr", "0.003"),
        *("--trainer.limit_val_batches", "0", "--checkpoint.monitor", "null"),
        *("--trainer.enable_progress_bar", "false", "--trainer.accelerator", "cpu"),
    ]
    main([*arguments, "--trainer.default_root_dir", str(tmp_path / "one")])
    lightning([*arguments, "--config", DDP, "--trainer.default_root_dir", str(tmp_path / "two")])
    one, two = (load_file(tmp_path / run / "weights.safetensors") for run in ("one", "two"))
    assert one.keys() == two.keys()
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, atol=1e-5, rtol=1e-5)
