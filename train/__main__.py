"""``python -m train``: the door."""

import sys

from train.environment import torchvision_mismatch

if __name__ == "__main__":
    mismatch = torchvision_mismatch()
    if mismatch is not None:
        sys.exit(f"error: {mismatch}")

    if sys.argv[1:2] == ["audit"]:  # it needs no Trainer
        from train.audit import main as audit_main

        audit_main(sys.argv[2:])
    else:
        from train.cli import main

        main()
