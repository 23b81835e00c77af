"""Whether a vocabulary has the names of all labels, asked before the first step."""

from collections.abc import Sequence

from datamodules.label_names import LabelNames
from datamodules.vocabulary import Vocabulary


def require_known(
    labels: Sequence[LabelNames], vocabulary: Vocabulary, *, with_counterfactuals: bool
) -> None:
    """Check what would otherwise end a run where the sample is first drawn, hours later.

    Args:
        labels: Of the data.
        vocabulary: Has to have the class of every name but the background's.
        with_counterfactuals: Whether the losses need a counterfactual of each training sample.

    Raises:
        ValueError: If a name is none of the vocabulary's, or a counterfactual is missing.
    """
    for each in labels:
        for name in each.class_names[1:]:
            try:
                vocabulary.index(name)
            except ValueError as error:
                raise ValueError(
                    f"{each.where}: {error} (add it to the list of model.vocabulary)"
                ) from error
        if with_counterfactuals and each.lacks_counterfactual:
            raise ValueError(
                f"{each.where} has no counterfactual to train with: make the set with "
                "counterfactuals, or set model.contrast to null"
            )
