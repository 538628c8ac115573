"""The entries of `datasets:` that are real datasets: what they hold and where they come from."""

from typing import Annotated, Any, Literal, get_args

from msgspec import Meta

from interpreting_clip.quantities import (
    Count,
    Kind,
    Name,
    Place,
    Sha256,
    StrictStruct,
    Url,
    require_public,
)


class Hub(StrictStruct, frozen=True, kw_only=True):
    """Webdataset shards or parquet files in a dataset repository of the Hugging Face hub.

    `revision` is a commit, a tag or a branch, which can move; `files` is the glob pattern of the
    repository's shards, or a pattern that ends in `.parquet`. The token comes from the environment
    (HF_TOKEN).
    """

    repository: Annotated[
        str, Meta(pattern=r"^[\w.-]+/[\w.-]+\Z", max_length=200, extra={"legal": "owner/name"})
    ]
    revision: Name
    files: Name = "test/*.tar"


class Archive(StrictStruct, frozen=True, kw_only=True):
    """A published tar or zip file, by URL."""

    url: Url
    sha256: Sha256

    def __post_init__(self) -> None:
        """Refuse a URL with a secret in it."""
        require_public(self.url)


class RealSet(Kind, frozen=True, kw_only=True):
    """A published dataset: its `source`, and its location under the key of that name.

    `folder` is a path, or a pattern that ends in `.parquet`; a relative one is below the machine's
    `folders`. `limit` takes a fixed
    subset of about that many images, the same number of each class; without it all images are
    taken. `partial` accepts fewer images and classes than the published set has, and the card says
    so.
    """

    source: Literal["hub", "archive", "folder"]
    hub: Hub | None = None
    archive: Annotated[list[Archive], Meta(min_length=1, max_length=1000)] | None = None
    folder: Place | None = None
    limit: Count | None = None
    partial: bool = False

    def __post_init__(self) -> None:
        """Refuse an entry that says nowhere, or in two places, where the dataset is."""
        given = [name for name in ("hub", "archive", "folder") if getattr(self, name) is not None]
        if given != [self.source]:
            raise ValueError(
                f"`source: {self.source}` needs the key `{self.source}` and no other of hub, "
                f"archive, folder; got {', '.join(given) or 'none'}"
            )


def tag(entry: Any) -> str:
    """Return the kind of an entry, or of its type, as params.yaml has it."""
    return str(entry.__struct_config__.tag)


class ImageNet(RealSet, frozen=True, kw_only=True, tag="imagenet"):
    """ImageNet-1k, its train or validation set (Russakovsky et al. 2015)."""


class ImageNetV2(RealSet, frozen=True, kw_only=True, tag="imagenet_v2"):
    """ImageNet-V2, matched frequency (Recht et al. 2019): folders named 0 to 999."""


class ImageNetR(RealSet, frozen=True, kw_only=True, tag="imagenet_r"):
    """ImageNet-R (Hendrycks et al. 2021a): renditions of 200 classes."""


class ImageNetSketch(RealSet, frozen=True, kw_only=True, tag="imagenet_sketch"):
    """ImageNet-Sketch (Wang et al. 2019): drawings of all classes."""


class ObjectNet(RealSet, frozen=True, kw_only=True, tag="objectnet"):
    """ObjectNet (Barbu et al. 2019): the 113 of its classes that ImageNet has too."""


class ImageNetA(RealSet, frozen=True, kw_only=True, tag="imagenet_a"):
    """ImageNet-A (Hendrycks et al. 2021b): images that a ResNet-50 gets wrong, 200 classes."""


class BrodenEntry(RealSet, frozen=True, kw_only=True, tag="broden"):
    """Broden1 (Bau et al. 2017): images with segmented concepts."""

    def __post_init__(self) -> None:
        """Refuse a source that Broden is not published in."""
        super().__post_init__()
        if self.hub is not None or len(self.archive or ()) > 1:
            raise ValueError(
                "Broden is read from `source: folder` (an extracted broden1_224) or `source: "
                "archive` with one zip file"
            )


class CocoEntry(RealSet, frozen=True, kw_only=True, tag="coco"):
    """Images with objects, annotated as COCO is (Lin et al. 2014), in place of Broden1.

    `annotations` is the name of the `instances_*.json`, in the folder or in an archive. An image
    shows an object that has a box in it, of any size (`boxes`), or one whose segmentation covers at
    least the share `presence.pixels` of it (`masks`).
    """

    annotations: Name
    presence: Literal["boxes", "masks"]

    def __post_init__(self) -> None:
        """Refuse a source that COCO is not published in."""
        super().__post_init__()
        if self.hub is not None or (self.folder or "").endswith(".parquet"):
            raise ValueError(
                "COCO is read from `source: folder` or `source: archive`, where its images and "
                "its annotations are"
            )


class Captions(RealSet, frozen=True, kw_only=True, tag="captions"):
    """Webdataset shards of images, each with a `.txt` caption; no classes."""


class ImageNetCaptions(RealSet, frozen=True, kw_only=True, tag="imagenet_captions"):
    """ImageNet-Captions (Fang et al. 2022): titles, tags and texts of ImageNet's train images.

    `captions` is the path of its JSON file; the images are in `folder`.
    """

    captions: Place

    def __post_init__(self) -> None:
        """Refuse shards, which do not have the names of ImageNet's files."""
        super().__post_init__()
        if self.hub is not None and not self.hub.files.endswith(".parquet"):
            raise ValueError(
                "ImageNet-Captions names files of ImageNet's train set, which shards of the hub do "
                "not have; take its parquet files, `source: folder` or `source: archive`"
            )


class Absent(Kind, frozen=True, kw_only=True, tag="absent"):
    """A dataset that the study does not have: nothing is measured on it."""

    source: Literal["none"]


ImageNetLike = ImageNet | ImageNetV2 | ImageNetR | ImageNetSketch | ObjectNet | ImageNetA
"""The sets whose images have an ImageNet class."""

IMAGENET_LIKE = {tag(kind): kind for kind in get_args(ImageNetLike)}
"""The same by `kind`, which for a shift of the testbed is its name."""

RealEntry = ImageNetLike | BrodenEntry | CocoEntry | Captions | ImageNetCaptions


CLASS = r"(n\d{8}|\d|[1-9]\d|[1-9]\d\d)"
"""A class of ImageNet: its WordNet id, or its index among the 1,000."""


ImageNetClass = Annotated[
    str,
    Meta(
        pattern=rf"^{CLASS}\Z",
        extra={"legal": "a WordNet id such as n02085620, or an index from 0 to 999 in quotes"},
    ),
]


# One text, not a list: msgspec 0.22 crashes on a union of a text with a pattern and a list of a
# limited length.
ImageNetClasses = Annotated[
    str,
    Meta(
        pattern=rf"^{CLASS}( {CLASS})*\Z",
        max_length=10_000,
        extra={"legal": "a WordNet id or an index in quotes, or several with a space between"},
    ),
]
"""One class, or several classes, any of which is right."""


class RealShift(RealSet, frozen=True, kw_only=True, tag="own"):
    """Any images whose classes are some of ImageNet's.

    `classes` says which, and what the source calls them: `all`, where class folders bear WordNet
    ids or indices and the labels of shards are indices; a list of the classes that the set has, in
    the same folders, where the labels of shards count the list from 0; or a mapping from the name
    of each class folder, or the label, to its class. A folder may stand for several classes, of
    which any is right, as in ObjectNet. `licence` is kept on the dataset's card.
    """

    label: Name
    baseline: Literal["none", "published"]
    classes: Annotated[
        Literal["all"]
        | Annotated[list[ImageNetClass], Meta(min_length=1, max_length=1000)]
        | Annotated[dict[Name, ImageNetClasses], Meta(min_length=1, max_length=1000)],
        Meta(extra={"legal": "all, a list of 1 to 1,000 classes, or a mapping of names to them"}),
    ]
    licence: Name = "not stated"

    def __post_init__(self) -> None:
        """Refuse a class that is named twice, a part of a published set, and a wrong source."""
        super().__post_init__()
        if self.partial and self.baseline == "published":
            raise ValueError(
                "`partial: true` leaves out classes that the standard models of `baseline: "
                "published` were measured on; take the whole set, or `baseline: none`"
            )
        named = self.classes.values() if isinstance(self.classes, dict) else [self.classes]
        for names in named:
            classes = names.split() if isinstance(names, str) else names
            if len(set(classes)) < len(classes):
                twice = next(name for name in classes if classes.count(name) > 1)
                raise ValueError(f"`classes` must name each class once, got {twice} twice")


class Shards(StrictStruct, frozen=True, kw_only=True):
    """The setting that all real datasets share: the shards' size in images."""

    images_per_shard: Count


class Nothing(StrictStruct, frozen=True, kw_only=True):
    """The settings that absent datasets share: none."""
