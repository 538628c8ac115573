"""Where the files of the encoders lie that are downloaded."""

from stages.encoders.locations import AtHub, AtPath, AtUrl, location_of
from stages.planning.locations import Folder, Location, Repository, Url
from stages.settings.sections import Sections
from stages.storage.errors import InputError


def weight_places(study: Sections) -> dict[str, list[Location]]:
    """Return the places of each entry of `weights`; fresh weights have none.

    Raises
    ------
    InputError
        Names each entry whose weights its library does not have, or not for its backbone.
    """
    found, broken = {}, []
    for key, entry in study.weights.items():
        try:
            found[key] = places(location_of(entry, study.backbones[entry.backbone]))
        except InputError as error:
            broken.append(f"'weights.{key}': {str(error).removeprefix('weights: ')}")
    if broken:
        raise InputError("\n       ".join(broken))
    return found


def places(location: AtHub | AtUrl | AtPath | None) -> list[Location]:
    """Return a location of weights as one that can be asked."""
    match location:
        case AtHub():
            return [Repository(location.repository, location.revision, location.files, "model")]
        case AtUrl():
            return [Url(location.url)]
        case AtPath():
            return [Folder(str(location.file))]
    return []
