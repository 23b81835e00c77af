"""Keep a painted pair only if its image shows what it was asked for."""

import torch
from torch import nn

from datamodules.sample import MaskKind, Sample
from generation.filters.filter import Judgement, Rejection
from generation.filters.vision_language import load_pretrained
from generation.prompts.prompts import Prompts

SCORE = "image_text_cosine"
"""Name under which the score is kept."""


class ImageTextScore:
    """Measures how well an image fits its text: the cosine of their embeddings (CLIP score).

    CLIP (ICML 2021) and its like, as CLIPScore (EMNLP 2021) uses it, without that one's factor of
    2.5. With ViT-B/32, LAION-5B (NeurIPS 2022) kept English pairs of the web from .28 on.

    Args:
        model: Hub id or folder of a model with ``get_image_features`` and ``get_text_features``.
        min_cosine: Least cosine, in [-1, 1]. At -1 everything is kept, with its score.
        prompts: Say what an image should show, for its class. Null: the prompt that it was painted
            for, of which the model reads the first 77 tokens or what it has.
        revision: Of the hub: a branch, tag or commit.

    Raises:
        ModelNotFound: If the model is neither here nor to be had.
        ValueError: If it has no two embeddings, or the limit is out of range.
    """

    def __init__(
        self,
        model: str = "openai/clip-vit-base-patch32",
        *,
        min_cosine: float = 0.2,
        prompts: Prompts | None = None,
        revision: str = "main",
    ) -> None:
        from transformers import AutoModel

        if not -1 <= min_cosine <= 1:
            raise ValueError(f"min_cosine is {min_cosine}: give a cosine in [-1, 1]")
        self.pretrained = load_pretrained(model, AutoModel, revision=revision)
        self.net: nn.Module = self.pretrained.net
        if not hasattr(self.net, "get_text_features"):
            raise ValueError(
                f"model {model} is a {type(self.net).__name__} without get_text_features: give one "
                "such as openai/clip-vit-base-patch32"
            )
        self.min_cosine = min_cosine
        self.prompts = prompts

    def __call__(self, sample: Sample) -> Rejection | None:
        """Return why the pair is rejected; None keeps it.

        Raises:
            ValueError: If the pair has no prompt and none is made.
        """
        return self.judge(sample).rejection

    @torch.no_grad()
    def judge(self, sample: Sample) -> Judgement:
        """Return the verdict with ``image_text_cosine``.

        Raises:
            ValueError: If the pair has no prompt and none is made.
        """
        net, text = self.net, self._text(sample)
        device = next(net.parameters()).device
        pixels = self.pretrained.pixels(sample.image[None].to(device).float() / 255)
        image = net.get_image_features(pixel_values=pixels).pooler_output  # type: ignore[operator]
        words = net.get_text_features(  # type: ignore[operator]  # typed as a mixture by torch
            **self.pretrained.words([text], device)
        ).pooler_output
        cosine = float(torch.cosine_similarity(image.float(), words.float())[0])
        rejection = None
        if cosine < self.min_cosine:
            reason = f"cosine {cosine:.3f} of image and text is below {self.min_cosine:g}"
            rejection = Rejection(type(self).__name__, reason)
        return Judgement(rejection, {SCORE: cosine})

    def _text(self, sample: Sample) -> str:
        if self.prompts is not None:
            # of a label map, the first name is that of the background
            place = 0 if sample.mask_kind is MaskKind.ALPHA else 1
            return self.prompts(sample.class_names[place], sample.seed)
        if not sample.prompt:
            raise ValueError(
                f"pair {sample.id!r} has no prompt to compare its image with: give ImageTextScore "
                "prompts of its own, such as generation.prompts.templates.TemplatePrompts"
            )
        return sample.prompt
