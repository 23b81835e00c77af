"""Checkpoints that are whole or absent."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it there.

    Lightning's own writer collects the file in the system's temporary folder and moves it, which
    is a copy where that is another disk: a kill in between leaves half a checkpoint.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write `checkpoint` to the local file `path`.

        Raises:
            OSError: If it cannot be written, on a full disk say; the file that stood at `path`
                is left as it was.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        # one name, so that what a kill leaves behind is overwritten by the next checkpoint
        beside = target.with_name(f".{target.name}.part")
        try:
            with beside.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except (OSError, RuntimeError) as error:
            # torch's writer answers a failed write with an error about positions in its archive
            cause = error if isinstance(error, OSError) else error.__context__
            if isinstance(cause, KeyboardInterrupt):
                raise cause from None  # Ctrl-C while torch was writing
            if not isinstance(cause, OSError):
                raise
            raise OSError(
                cause.errno,
                f"{cause.strerror}; what stood there before is untouched: make room and go on "
                "with --ckpt_path last",
                str(target),
            ) from error
        finally:
            beside.unlink(missing_ok=True)
