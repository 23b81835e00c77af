"""The progress bar of runs whose length is a number of steps."""

from lightning.pytorch.callbacks import RichProgressBar


class StepProgressBar(RichProgressBar):
    """Lightning's rich bar without the last epoch's number.

    Lightning counts epochs up to ``max_epochs - 1``, which reads "Epoch 0/-2" where the length of
    a run is given in steps.
    """

    def _get_train_description(self, current_epoch: int) -> str:
        return f"{f'Epoch {current_epoch}':{len(self.validation_description)}}"
