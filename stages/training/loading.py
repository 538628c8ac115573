"""What the batches of a training are made of."""

from stages.encoders.pictures import Pictures, kept
from stages.encoders.preprocess import Preprocess
from stages.training.augmentation import augmented, changes_nothing
from stages.training.loop import Load
from stages.training.recipes import Augmentation


def loader(
    images: Pictures, preprocess: Preprocess, augmentation: Augmentation, workers: int
) -> Load:
    """Return what makes batches of images of a tower's size, augmented.

    Images that are not augmented are fitted once and kept, where memory allows it.
    """
    if changes_nothing(augmentation):
        images = kept(images, preprocess, workers)
    return lambda batch, generator: augmented(
        images, batch, preprocess, augmentation, generator, workers=workers
    )
