"""Class names as points in CLIP's space.

Letters: C names; T templates; L the text encoder's context length; D CLIP's dimension.
"""

from collections.abc import Sequence

import torch
from open_clip import tokenize
from open_clip.model import CLIP
from torch import Tensor
from torch.nn import functional as F

SINGLE = ("a photo of a {}",)
"""What ZegCLIP embeds the classes of VOC with."""
SCENE = (
    *(f"{start} of a {size}{{}}." for start in ("a photo", "This is a photo")
      for size in ("", "small ", "medium ", "large ")),
    "a {} in the scene.",
    "a photo of a {} in the scene.",
    *(f"{start} {{}} in the scene." for start in
      ("There is a", "There is the", "This is a", "This is the", "This is one")),
)  # fmt: skip
"""The 15 that ZegCLIP (MIT) takes for COCO and MagicSeg for its vocabulary."""
_TEXTS_AT_ONCE = 256  # 1,203 names in 15 templates at once would take 9 GB of a base model


def embed_names(clip: CLIP, names: Sequence[str], *, templates: Sequence[str] = SCENE) -> Tensor:
    """Return one unit vector a name, ``(C, D)`` float32: the mean over its unit sentences.

    The text encoder is taken as it is, without a gradient, in full precision.

    Args:
        clip: Knows the texts.
        names: At least one.
        templates: Sentences in which ``{}`` stands for the name.

    Raises:
        ValueError: If there is no name or no template, a template has no place for the name, a
            name is empty, or a sentence is longer than the text encoder reads.
    """
    if not names or not templates or not all("{}" in x for x in templates):
        raise ValueError(
            f"{len(names)} class names and templates {list(templates)[:3]}: give at least one of "
            "each, and {} in each template"
        )
    if not all(name.strip() for name in names):
        raise ValueError(f"a class name is empty among {list(names)[:3]}...: name each class")
    device = clip.token_embedding.weight.device
    # not under inference mode: what is made there can never be trained with
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(device.type, enabled=False):
        tokens = _tokens(clip, names, templates).to(device)
        sentences = torch.cat(
            [clip.encode_text(some, normalize=True) for some in torch.split(tokens, _TEXTS_AT_ONCE)]
        )
        mean = sentences.float().view(len(names), len(templates), -1).mean(1)
        return F.normalize(mean, dim=-1)


def _tokens(clip: CLIP, names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Return ``(C * T, L)`` long."""
    texts = [template.format(name) for name in names for template in templates]
    length = clip.context_length
    # one token more than fits is enough to see what would be cut
    tokens: Tensor = tokenize(texts, length + 1)
    is_cut = (tokens[:, length] != 0).tolist()
    if any(is_cut):
        text = texts[is_cut.index(True)]
        raise ValueError(
            f"{text!r} is longer than the {length} tokens that the text encoder reads: "
            "shorten the name"
        )
    return tokens[:, :length]
