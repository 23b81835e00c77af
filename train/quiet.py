"""Words of libraries that say nothing a user should act on, each with its reason."""

import logging
import warnings
from functools import partial

EXPECTED = (
    # going on in a run's folder is what resume and elastic restart do
    "Checkpoint directory .* exists and is not empty",
    # a checkpoint of one run is tested into the folder of another
    "The dirpath has changed from",
    # the averaged weights are what a test of a checkpoint wants
    "You're using the WeightAveraging callback, but loading a checkpoint outside",
    # evaluation and prediction go without the callbacks of training, whose state they do not need
    "Be aware that when using `ckpt_path`, callbacks used to create the checkpoint",
    # a prediction that was finished before has nothing left to do, and says so itself
    "Total length of `.*` across ranks is zero",
    # whether two workers are enough is measured, not read off the number of cores
    "The '.*_dataloader' does not have many workers",
    # steps are counted through all epochs, so that a run of several is logged all the same
    "The number of training batches .* is smaller than the logging interval",
    # the state after the step is what a checkpoint should hold
    "Using ModelCheckpoint with manual optimization",
    # raised inside Lightning by each newer torch
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",
    # the scores are torchmetrics', summed over all processes before they are logged
    "It is recommended to use `self.log\\('(val|test)/.*sync_dist=True",
    # export hands its arguments on, for Lightning's parser to read as those of predict
    "LightningCLI's args parameter is intended",
    # torch's compiler asks the logits, inputs of a compiled loss, whether they have a gradient
    "The \\.grad attribute of a Tensor that is not a leaf Tensor is being accessed",
    # jsonargparse's own deprecations, raised inside Lightning's CLI
    "(?s).*jsonargparse",
)

EXPECTED_LOGS = {
    # peft imports bitsandbytes wherever it is installed; nothing here computes in 4 bits
    "bitsandbytes.backends.cpu.ops": "gemm_4bit_forward",
    # Lightning advertises a cloud logger at the start of every run without one
    "lightning.pytorch.utilities.rank_zero": "litlogger",
    # Lightning's own call; our checkpoints hold tensors and plain values only
    "lightning.pytorch.trainer.connectors.checkpoint_connector": "`weights_only` was not set",
}


def ignore_expected_warnings() -> None:
    """Filter them for the rest of the process."""
    for message in EXPECTED:
        warnings.filterwarnings("ignore", message)
    for logger, said in EXPECTED_LOGS.items():
        logging.getLogger(logger).addFilter(partial(_lacks, said))


def _lacks(said: str, record: logging.LogRecord) -> bool:
    return said not in record.getMessage()
