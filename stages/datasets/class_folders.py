"""Images that lie in one folder per class, on disk or in archives."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from stages.datasets.ground_truth import TRUTH_FILES, validation_number, validation_wnids
from stages.datasets.objectnet_mappings import MAPPINGS, check_mappings
from stages.datasets.photos import Files, Photo
from stages.datasets.published_sets import PublishedSet
from stages.storage.errors import InputError

IMAGES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"}
"""The endings of image files; what a file really is, its content says."""

STRAYS = {".ds_store", "thumbs.db", "desktop.ini"}
"""Files that systems leave in folders."""


@dataclass(frozen=True)
class ClassFolders:
    """A source whose files lie in class folders, or as ImageNet's flat validation folder."""

    files: Files
    published: PublishedSet
    where: str

    def survey(self) -> dict[str, int | None]:
        """Return the class of each image, by its path."""
        paths = []

        def is_beside(path: str) -> bool:
            paths.append(path)
            return PurePosixPath(path).name in (*TRUTH_FILES, *MAPPINGS)

        beside = {PurePosixPath(file.path).name: file.read() for file in self.files(is_beside)}
        if self.published.other_folders:
            check_mappings(beside, self.published, self.where)
        return dict(classify(paths, beside, self.published, self.where))

    def photos(self, chosen: Mapping[str, int | None]) -> Iterator[Photo]:
        """Yield the chosen images."""
        for path, read in self.files(chosen.__contains__):
            yield Photo(path, read, chosen[path], None)


def classify(
    paths: Iterable[str], truth: Mapping[str, bytes], published: PublishedSet, where: str
) -> dict[str, int]:
    """Return the class of each image among `paths`, from the folder that it lies in.

    Only the innermost folder counts, so it does not matter what an archive puts above. What
    systems leave behind, and texts, are passed over; files outside of class folders too, unless
    they are images.

    Raises
    ------
    InputError
        An image lies in a folder that is no class of the set, a class folder holds something other
        than images, a path comes twice, or the classes of a flat validation folder are unknown.
    """
    classes: dict[str, int] = {}
    flat: dict[str, int] = {}
    for path in paths:
        if path in classes or path in flat:
            raise InputError(f"{where}: {path} is there twice; pack or download it again")
        name, folder = PurePosixPath(path).name, PurePosixPath(path).parent.name
        if is_stray(path):
            continue
        number = validation_number(name)
        if folder in published.folders:
            require_image(name, path, where)
            classes[path] = published.folders[folder]
        elif number is not None and "n01440764" in published.folders:
            flat[path] = number
        elif PurePosixPath(name).suffix.lower() in IMAGES and not published.other_folders:
            raise InputError(
                f"{where}: {path} lies in the folder {folder!r}, which is no class of this set: "
                f"folders such as {', '.join(list(published.folders)[:2])} were expected; check "
                "`kind` and the folder in params.yaml"
            )
    return classes | (_flat(flat, truth, published, where) if flat else {})


def is_stray(path: str) -> bool:
    """Say whether a file is none of a dataset's: a system's own, or a text about it."""
    parts = PurePosixPath(path).parts
    name = parts[-1].lower()
    return (
        name in STRAYS
        or any(part.startswith("._") or part == "__MACOSX" for part in parts)
        or name.startswith("readme")
        or name.endswith((".txt", ".md"))
    )


def require_image(name: str, path: str, where: str) -> None:
    """Refuse a file of a class folder that is not called an image."""
    if PurePosixPath(name).suffix.lower() not in IMAGES:
        raise InputError(
            f"{where}: {path} lies in a class folder and is not called an image "
            f"({', '.join(sorted(IMAGES))}); remove it"
        )


def _flat(
    numbers: Mapping[str, int], truth: Mapping[str, bytes], published: PublishedSet, where: str
) -> dict[str, int]:
    wnids = validation_wnids(truth, where)
    classes = {}
    for path, number in numbers.items():
        if wnids.get(number) not in published.folders:
            raise InputError(
                f"{where}: the class of {path} was expected in its ground truth, "
                f"{wnids.get(number, 'nothing')} is there; get that file again"
            )
        classes[path] = published.folders[wnids[number]]
    return classes
