"""What the zoos of open_clip and timm share: tags, URLs, repositories of the hub."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.encoder_entries import HUB_MODEL
from interpreting_clip.encoders.sources.source import AtHub, AtUrl, Location, Source
from interpreting_clip.errors import DAMAGED_JSON, InputError
from interpreting_clip.quantities import Name

OPEN_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


class ZooSource(Source, frozen=True, kw_only=True):
    """Weights by a `tag` of a library's zoo, or of a repository of the hub that the model names."""

    files: ClassVar[tuple[str, str]]
    """The files of weights in such a repository; the first one that exists is used."""

    config: ClassVar[str]
    """The file that configures the model and the preprocessing of its images there."""

    tag: Name | None = None
    revision: Name | None = None

    def problems(self, backbone: Any) -> list[tuple[str, str]]:
        """The weights are named exactly once."""
        named, tagged = backbone.model.startswith(HUB_MODEL), self.tag is not None
        if named and tagged:
            return [("tag", f"'{backbone.model}' names its weights; leave `tag` out")]
        if not named and not tagged:
            return [("tag", f"is missing; name weights of '{backbone.model}'")]
        return []

    def location(self, backbone: Any) -> Location:
        """Return the repository that the backbone names, or where the zoo has the weights."""
        if backbone.model.startswith(HUB_MODEL):
            repository = backbone.model.removeprefix(HUB_MODEL)
            return AtHub(repository, self.files, self.revision or "main")
        return self.zoo_location(backbone)

    def zoo_location(self, backbone: Any) -> Location:
        """Return where the zoo has the weights."""
        raise NotImplementedError

    @contextmanager
    def hub_config(self, name: str, commit: str | None, machine: Machine) -> Iterator[Any]:
        """Give the configuration in a model's repository to a block that looks into it.

        Raises
        ------
        InputError
            There is no such file, or it is not JSON or lacks what the block looks for.
        """
        from interpreting_clip.downloads.hub import download_file, open_repository

        repository = open_repository(name.removeprefix(HUB_MODEL), str(commit), "model")
        (path,) = repository.matching(self.config)
        file = download_file(repository, path, Path(machine.downloads))
        try:
            yield msgspec.json.decode(file.read_bytes())
        except InputError:
            raise
        except (*DAMAGED_JSON, ValueError, LookupError, TypeError, AttributeError) as error:
            raise InputError(
                f"{repository.name}@{commit}: {self.config} is no configuration of "
                f"{self.__struct_config__.tag} ({type(error).__name__}: {error}); choose another "
                "repository"
            ) from None

    def hub_location(self, place: str, file: str) -> AtHub:
        """Return a file, preceded by the safetensors file that its repository may have instead."""
        repository, _, revision = place.partition("@")
        stem, dot, end = file.rpartition(".")
        files = (file,) if file else self.files
        if file == OPEN_CLIP_FILES[1]:  # timm has some of open_clip's towers
            files = OPEN_CLIP_FILES
        elif dot and end in ("bin", "pt", "pth"):
            files = (f"{stem}.safetensors", file)
        return AtHub(repository, files, self.revision or revision or "main")


def require_tag(source: Source, tag: str | None, model: str, tags: Collection[str]) -> None:
    """Refuse a tag for which a library has no weights of the model."""
    if tag not in tags:
        raise InputError(
            f"weights: {source.__struct_config__.tag} has no weights '{tag}' of '{model}'; legal "
            f"values: {', '.join(tags) or 'none'}"
        )


def url_location(url: str, revision: str | None = None) -> AtUrl:
    """Return a published URL as a location, with the SHA-256 (or its first digits) in the URL.

    OpenAI's URLs have it as the last folder; open_clip's, torchvision's and timm's file names end
    in its first eight digits.

    Raises
    ------
    InputError
        A revision should pin it, or it has no checksum, so nothing would show that the right file
        came.
    """
    if revision is not None:
        raise InputError(
            f"weights: these weights lie at {url}, whose checksum pins them; leave `revision: "
            f"{revision}` out, which is for repositories of the hub"
        )
    match = re.search(r"/([0-9a-f]{64})/[^/]+$", url) or re.search(r"-([0-9a-f]{8,64})\.\w+$", url)
    if match is None:
        raise InputError(
            f"weights: {url} publishes no checksum; use `source: checkpoint` with this `url` and "
            "the `sha256` of the file that you trust"
        )
    return AtUrl(url, match[1])
