"""``python -m train``: the door."""

import sys

from train.environment import torchvision_mismatch

if __name__ == "__main__":
    mismatch = torchvision_mismatch()
    if mismatch is not None:
        sys.exit(f"error: {mismatch}")

    from train.cli import main

    main()
