"""``python -m train``: the door."""

import sys
from importlib import import_module

from train.commands import WITHOUT_TRAINER
from train.environment import torchvision_mismatch

if __name__ == "__main__":
    mismatch = torchvision_mismatch()
    if mismatch is not None:
        sys.exit(f"error: {mismatch}")

    if sys.argv[1:2] and sys.argv[1] in WITHOUT_TRAINER:
        import_module(f"train.{sys.argv[1]}").main(sys.argv[2:])
    else:
        from train.cli import main

        main()
