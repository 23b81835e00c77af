"""Weights of Swin classifiers as those of a backbone."""

import re

from torch import Tensor, nn

from networks.official_weights import owner_of
from networks.weights import WeightsError, read_weights

# of the classifier alone, or computed anew
_LEFT_OUT = re.compile(r"(norm|head)\..*|.*\.(attn_mask|relative_position_index)")
_MERGING = re.compile(r"layers\.(\d)\.downsample\.")
_NUM_EXAMPLES = 3


def load_classifier(net: nn.Module, weights: str) -> None:
    """Load a classifier trained on ImageNet into a `networks.swin.Swin`.

    The norms of the four maps, which a classifier has not, keep their values.

    Args:
        net: Keeps its values if an error is raised.
        weights: Of the official code or of timm, such as
            ``timm/swin_large_patch4_window12_384.ms_in22k_ft_in1k``; see
            `networks.weights.load_weights` for what may stand here.

    Raises:
        WeightsError: If the weights cannot be had, cannot be read or are of another Swin.
    """
    state = read_weights(weights)
    found = backbone_keys(state)
    own = net.state_dict()
    wanted = {
        key: x
        for key, x in own.items()
        if not re.match(r"norm\d\.", key) and not _LEFT_OUT.fullmatch(key)
    }
    wrong = [key for key in wanted if key not in found or found[key].shape != wanted[key].shape]
    wrong += [key for key in found if key not in wanted]
    if wrong:
        raise WeightsError(
            f"weights {weights} do not fit {type(net).__name__}: {len(wrong)} keys are missing, "
            f"unexpected or of another shape ({', '.join(wrong[:_NUM_EXAMPLES])}, ...). Give those "
            "of a Swin classifier of the same size and window, or a backbone of theirs"
            f"{owner_of(state)}"
        )
    net.load_state_dict({**own, **found})


def backbone_keys(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what a backbone has of a classifier's state, under the official names.

    timm counts the merging of patches to the stage behind it, the official code to that before.

    Args:
        state: Of a Swin classifier by timm or by the official code.
    """
    kept = {key: x for key, x in state.items() if not _LEFT_OUT.fullmatch(key)}
    last = max((int(key.split(".")[1]) for key in kept if key.startswith("layers.")), default=0)
    if not any(key.startswith(f"layers.{last}.downsample.") for key in kept):
        return kept
    return {
        _MERGING.sub(lambda place: f"layers.{int(place[1]) - 1}.downsample.", key): x
        for key, x in kept.items()
    }
