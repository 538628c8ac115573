"""The names of classes, for prompts, from the names of their folders."""

from collections.abc import Sequence

from interpreting_clip.encoders.open_clip_import import import_open_clip


def class_names(folders: Sequence[str]) -> list[str]:
    """Return the names of classes as prompts have them, in the order of their folders.

    If all folders are WordNet ids of ImageNet's 1,000 classes, or are called 0 to 999 as in
    ImageNet-V2, these are open_clip's names of ImageNet's classes: `n01514668` is a rooster.
    Otherwise `_` in a folder's name becomes a space.
    """
    if known := imagenet_folders(folders):
        names = dict(zip(known, import_open_clip().IMAGENET_CLASSNAMES, strict=True))
        return [names[folder] for folder in folders]
    return [folder.replace("_", " ") for folder in folders]


def imagenet_folders(folders: Sequence[str]) -> list[str]:
    """Return the names of ImageNet's 1,000 class folders, if these are among them; or none.

    That is its WordNet ids in their order, or 0 to 999 if all of these are here, as in ImageNet-V2:
    fewer numbers may be any classes.
    """
    numbers = [str(number) for number in range(1000)]
    if not folders or {*folders} == {*numbers}:
        return numbers if folders else []
    # `data/reference` has them too, but is not installed with the package.
    from timm.data.imagenet_info import ImageNetInfo

    known = ImageNetInfo("imagenet-1k").label_names()
    return known if {*folders} <= {*known} else []
