"""A tokenizer of whole words in the hub's layout, for text encoders that know few."""

from collections.abc import Iterable

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

BEGIN, END, UNKNOWN = 0, 1, 2
"""Numbers of the tokens before and after a prompt, and of every word that is not known. The one
after it also fills up, as CLIP's does."""
_SPECIAL = ("<|startoftext|>", "<|endoftext|>", "<unk>")


def word_tokenizer(texts: Iterable[str], *, max_tokens: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer that knows the words of some texts, whatever their case.

    Words and signs, such as a comma, are tokens; a hyphen parts two words.

    Args:
        texts: Whose words are known; their order counts, words that come again do not.
        max_tokens: Longest prompt with the tokens at its ends; what is longer is cut off.

    Example:
        >>> words = word_tokenizer(["a round table"], max_tokens=6)
        >>> words("A square table", padding="max_length").input_ids
        [0, 3, 2, 5, 1, 1]
    """
    split, lower = Whitespace(), Lowercase()
    found = [
        word for text in texts for word, _ in split.pre_tokenize_str(lower.normalize_str(text))
    ]
    numbers = {word: number for number, word in enumerate(dict.fromkeys([*_SPECIAL, *found]))}
    tokenizer = Tokenizer(WordLevel(numbers, unk_token=_SPECIAL[UNKNOWN]))
    tokenizer.normalizer = lower
    tokenizer.pre_tokenizer = split
    tokenizer.post_processor = TemplateProcessing(
        single=f"{_SPECIAL[BEGIN]} $A {_SPECIAL[END]}",
        special_tokens=[(_SPECIAL[BEGIN], BEGIN), (_SPECIAL[END], END)],
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers has no types
        tokenizer_object=tokenizer,
        bos_token=_SPECIAL[BEGIN],
        eos_token=_SPECIAL[END],
        pad_token=_SPECIAL[END],
        unk_token=_SPECIAL[UNKNOWN],
        model_max_length=max_tokens,
    )
