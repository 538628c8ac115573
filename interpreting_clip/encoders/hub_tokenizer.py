"""Tokenizers on the Hugging Face hub: SigLIP's, SigLIP 2's, MetaCLIP 2's and CLIPA's.

open_clip reads them with the package `transformers`, from the hub whenever it makes a tokenizer.
Here their files are downloaded once and kept with the weights.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Int

from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.errors import InputError

REQUIRED = ("tokenizer.json", "tokenizer_config.json")
"""The files that define a fast tokenizer. Nothing else is read: `spiece.model` would have to be
converted, and `*.py` executed."""

OPTIONAL = ("special_tokens_map.json", "added_tokens.json")
"""Files of older tokenizers, which are read if they are there."""

SETTINGS = ("clean", "language", "strip_sep_token", "tokenizer_mode")
"""What a model's `tokenizer_kwargs` may set. open_clip passes all others to `transformers`, even
`trust_remote_code`, which a configuration from the hub could set."""


@dataclass(frozen=True, eq=False)
class HubTokenizer:
    """A tokenizer by the `text_cfg` of its model and the content of its files."""

    text: Mapping[str, Any]
    files: Mapping[str, bytes]

    def encode(self, texts: Sequence[str]) -> Int[np.ndarray, "text token"]:
        """Return the tokens of texts, cut and padded to the text tower's length, as open_clip does.

        Raises
        ------
        InputError
            The package `transformers` is not installed, or cannot read the tokenizer.
        """
        return self.loaded(list(texts)).numpy()

    @cached_property
    def loaded(self) -> Any:
        """The tokenizer of open_clip; a vocabulary of 256,000 takes a second."""
        name, settings = self.text["hf_tokenizer_name"], tokenizer_settings(self.text)
        if find_spec("transformers") is None:
            raise InputError(
                f"the tokenizer {name!r} needs the package transformers, which is not installed: "
                "`pip install transformers`"
            )
        tokenizers = import_open_clip().tokenizer
        length = self.text.get("context_length", tokenizers.DEFAULT_CONTEXT_LENGTH)
        with tempfile.TemporaryDirectory() as folder:
            for file, content in self.files.items():
                (Path(folder) / file).write_bytes(content)
            try:
                tokenizer = tokenizers.HFTokenizer(
                    folder,
                    context_length=length,
                    # Else a tokenizer's own code would be run, or a terminal asked whether to.
                    trust_remote_code=False,
                    local_files_only=True,
                    **settings,
                )
            except Exception as error:  # transformers and its parts raise any
                raise InputError(
                    f"the tokenizer {name!r} cannot be read by the installed transformers "
                    f"({type(error).__name__}: {str(error)[:300]}); install the version that it "
                    "was written for, or choose another model"
                ) from None
        self.require_ends(tokenizer)
        return tokenizer

    def require_ends(self, tokenizer: Any) -> None:
        """Refuse a tokenizer that leaves out the start or end that its configuration asks for.

        `transformers` 5 makes these from `tokenizer.json` alone for some classes, and the text
        tower was trained with them.

        Raises
        ------
        InputError
            Names the token.
        """
        settings = msgspec.json.decode(self.files[REQUIRED[1]], type=dict[str, Any])
        tokens, name = tokenizer(["a"])[0].tolist(), self.text["hf_tokenizer_name"]
        for kind in ("bos", "eos"):
            wanted = settings.get(f"add_{kind}_token")
            # CLIPA later replaces its end token by padding.
            if wanted is None or tokenizer.strip_sep_token:
                continue
            if wanted != (getattr(tokenizer.tokenizer, f"{kind}_token_id") in tokens):
                raise InputError(
                    f"the tokenizer {name!r} has `add_{kind}_token` {str(wanted).lower()}, and the "
                    "installed transformers does otherwise; install another version"
                )
        end = self.text.get("eos_id")
        if self.text.get("pool_type") == "eos" and end not in tokens:
            # open_clip would read the embedding of every text at its first token.
            raise InputError(
                f"the text tower reads its embedding at the token {end}, which the tokenizer "
                f"{name!r} does not end texts with; get both from one repository"
            )


def tokenizer_settings(text: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a model's tokenizer.

    Raises
    ------
    InputError
        One is unknown, and might have code executed.
    """
    settings = dict(text.get("tokenizer_kwargs") or {})
    if unknown := sorted(settings.keys() - set(SETTINGS)):
        raise InputError(
            f"the tokenizer {text['hf_tokenizer_name']!r} has the setting {unknown[0]!r}, "
            f"supported are {', '.join(SETTINGS)}; choose another model"
        )
    return settings
