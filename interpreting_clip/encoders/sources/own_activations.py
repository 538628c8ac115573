"""`source: activations`: activations that were computed elsewhere, in place of an encoder."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.encoder_entries import BackboneEntry
from interpreting_clip.encoders.sources.source import AtPath, Location, Source
from interpreting_clip.errors import InputError
from interpreting_clip.quantities import Place, Sha256


class ActivationsFolder(Source, frozen=True, kw_only=True, tag="activations"):
    """No weights: a folder with activations that were computed elsewhere, and its head.

    A relative `folder` is below the machine's `folders`; `sha256` is that of its `manifest.json`,
    which has the SHA-256 of every other file. `representation` says whether the features end in a
    linear layer or in an activation function, `normalize_features` whether the head takes them
    scaled to length one. The backbone is not built: it groups the report.
    """

    architectures = BackboneEntry
    tower = "none"
    from_library = False

    folder: Place
    sha256: Sha256
    representation: Literal["linear", "rectified"]
    normalize_features: bool

    def heads(self, *, clip: bool) -> list[str]:
        """Return both kinds: the head in the folder counts as trained, whatever made it."""
        return ["trained", "random"]

    def location(self, _backbone: Any) -> Location:
        """Return where the manifest is."""
        from interpreting_clip.encoders.activations_folder import MANIFEST

        return AtPath(Path(self.folder) / MANIFEST, self.sha256)

    def write_arrays(self, machine: Machine, out: Path) -> bool:
        """Check the folder, and write its arrays as float32 with a card into `out`.

        Raises
        ------
        InputError
            The manifest is missing or not legal; or a file is missing, was changed, has another
            shape than the manifest says, or holds NaN or infinity.
        """
        from interpreting_clip.encoders.activations_folder import read_manifest
        from interpreting_clip.encoders.encoder_card import (
            GIVEN_CARD,
            GIVEN_HEAD,
            GivenCard,
            Origin,
        )
        from interpreting_clip.formats.json import write_json
        from interpreting_clip.formats.tensors import stacked, write_rows, write_tensors

        folder = Path(machine.folders) / self.folder
        manifest = read_manifest(folder, self.sha256)
        head, features = manifest.head, manifest.features
        for name, given in manifest.datasets.items():
            shape = (given.images, features)
            write_rows(out / f"{name}.npy", shape, given_rows(folder, given, "activations", shape))
        if head is not None:
            rows, arrays = len(head.classes), {}
            for name, file, size in (
                ("weight", head.weight, (rows, features)),
                ("bias", head.bias, (rows,)),
            ):
                if file is not None:
                    arrays[name] = stacked(size, given_rows(folder, file, name, size))
            write_tensors(out / GIVEN_HEAD, arrays)
        card = GivenCard(
            representation=self.representation,
            normalize_features=self.normalize_features,
            feature_width=features,
            orders={name: given.order for name, given in manifest.datasets.items()},
            classes=None if head is None else head.classes,
            # As the study names the folder, so that the card is the same on every machine.
            origin=Origin(source="activations", location=self.folder, sha256=self.sha256),
        )
        write_json(out / GIVEN_CARD, msgspec.to_builtins(card))
        return True


def given_rows(folder: Path, given: Any, name: str, shape: tuple[int, ...]) -> Any:
    """Yield an array of a folder as float32, some rows at a time, after checking its file."""
    from interpreting_clip.encoders.activations_folder import MANIFEST, given_file
    from interpreting_clip.formats.array_files import open_floats

    array = open_floats(given_file(folder, given), name)
    if array.shape != shape:
        raise InputError(
            f"{array.file}: expected the shape {shape} of {MANIFEST}, got {array.shape}; write the "
            "folder again"
        )
    return array.blocks()
