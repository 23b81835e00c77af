"""A checkpoint that is trained in a second, and the demo of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from tests.train.launchers import ROOT, free_port
from train.cli import main as train

RUN = """
trainer:
  accelerator: cpu
  logger: false
  max_steps: 1
  limit_val_batches: 0
  enable_progress_bar: false
  enable_model_summary: false
  default_root_dir: {root}
checkpoint: {{every_n_steps: 1}}
model:
  class_path: lightningmodules.dis.DIS
  init_args:
    net:
      class_path: networks.adapter.ImageInput
      init_args:
        net:
          class_path: torch.nn.Conv2d
          init_args: {{in_channels: 3, out_channels: 1, kernel_size: 3, padding: 1}}
    loss:
      class_path: lightningmodules.losses.DeepSupervision
      init_args: {{terms: {{bce: {{class_path: lightningmodules.losses.BCE}}}}}}
    optimizer: {{class_path: torch.optim.SGD, init_args: {{lr: 1.0}}}}
data:
  class_path: datamodules.dis5k.DIS5K
  init_args: {{root: {data}, size: 32, batch_size: 4, cache: null, num_workers: 0}}
"""


def trained(root: Path, data: Path) -> Path:
    """Return the checkpoint of a network of one convolution after one step on a set."""
    (root / "fit.yaml").write_text(RUN.format(root=root, data=data))
    train(["fit", "--config", str(root / "fit.yaml")])
    return root / "checkpoints" / "last.ckpt"


def rotated_photo(folder: Path) -> Path:
    """Write one larger than the network's 32 px, to be turned upright by a quarter."""
    folder.mkdir(exist_ok=True)
    path = folder / "a chair.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    Image.fromarray(pixels).save(path, exif=exif, quality=95)
    return path


def demo(checkpoint: Path, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "train", "demo", "--ckpt_path", str(checkpoint)),
            *("--port", str(port)),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "GRADIO_TEMP_DIR": str(checkpoint.parent / "gradio"),
        },
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def served(checkpoint: Path) -> Iterator[str]:
    """Serve the demo, and give its address."""
    address = f"127.0.0.1:{free_port()}"
    process = demo(checkpoint, int(address.split(":")[1]))
    assert process.stderr is not None
    try:
        said = next((line for line in process.stderr if "the demo is at" in line), "")
        assert f"http://{address}" in said
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()
