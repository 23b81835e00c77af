"""A run so small that it takes a second: one convolution on 32 px crops of the tiny set."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

RUN = """
trainer:
  accelerator: cpu
  max_steps: 6
  default_root_dir: {root}
  enable_progress_bar: false
  enable_model_summary: false
  log_every_n_steps: 1
  num_sanity_val_steps: 0
  val_check_interval: 3
  check_val_every_n_epoch: null
checkpoint: {{every_n_steps: 1}}
model:
  class_path: lightningmodules.dis.DIS
  init_args:
    net:
      class_path: networks.adapter.ImageInput
      init_args:
        net:
          class_path: toys.TinyNet
          init_args: {{width: 4, dropout: 0.2}}
    loss:
      class_path: lightningmodules.losses.DeepSupervision
      init_args:
        terms: {{bce: {{class_path: lightningmodules.losses.BCE}}}}
    optimizer:
      class_path: torch.optim.AdamW
      init_args: {{lr: 0.01}}
    schedule: {{class_path: lightningmodules.schedules.Cosine, init_args: {{warmup_steps: 2}}}}
    skeletons: null
data:
  class_path: datamodules.dis5k.DIS5K
  init_args:
    root: {data}
    size: 32
    batch_size: 4
    cache: null
    num_workers: 0
    splits: {{train: DIS-TR, val: DIS-VD, test: [DIS-TE1]}}
    transforms:
      - class_path: albumentations.HorizontalFlip
        init_args: {{p: 0.5}}
"""


@pytest.fixture(autouse=True)
def importable_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let class paths name ``toys``, in processes that a test starts too."""
    folder = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", folder)


@pytest.fixture
def write_config(tiny_set: Path, tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes the tiny run's YAML after a change and returns its path."""

    def write(change: Callable[[dict], object] = lambda config: None, name: str = "run") -> str:  # type: ignore[type-arg]
        config = yaml.safe_load(RUN.format(root=tmp_path / name, data=tiny_set))
        change(config)
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(config))
        return str(path)

    return write
