"""Networks that do not see images of every size say so before they see one."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class ChecksImageSize(Protocol):
    """A network that only some sizes of image fit."""

    def check_image_size(self, height: int, width: int) -> None:
        """Compare the pixels of an image to come with what the network sees.

        Raises:
            ValueError: If they do not fit, with a size that does.
        """
