"""Whether a source has the whole of a published set."""

from collections.abc import Mapping

from stages.datasets.published_sets import PublishedSet


def require_complete(
    classes: Mapping[str, int | None], published: PublishedSet | None, *, partial: bool
) -> None:
    """Refuse a source without images, and one that lacks some of a published set.

    Parameters
    ----------
    classes : the class of each image that the source has
    published : what the set is known to have; None: nothing is known
    partial : whether less is accepted, since the study says so

    Raises
    ------
    ValueError
        There is no image; a class has none; the set has another number of images.
    """
    if not classes:
        raise ValueError("images were expected, there are none; check its path and `kind`")
    if partial or published is None or not published.images:
        return
    missing = sorted(set(published.class_indices) - set(classes.values()))
    if missing:
        folders = [folder for folder, class_ in published.folders.items() if class_ in missing]
        raise ValueError(
            f"images of {len(published.class_indices)} classes were expected, {len(missing)} have "
            f"none: {', '.join(folders[:3])}{' …' if len(missing) > 3 else ''}; complete the set, "
            "or say `partial: true` in params.yaml"
        )
    if len(classes) not in published.images:
        expected = " or ".join(f"{images:,}" for images in published.images)
        raise ValueError(
            f"{expected} images were expected, there are {len(classes):,}; complete the set, or "
            "say `partial: true` in params.yaml"
        )
