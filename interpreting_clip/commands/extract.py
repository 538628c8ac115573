"""The command `interpreting-clip extract`: from images to a file of activations.

interpreting-clip extract openclip:ViT-B-32/openai photos/ --to mine.safetensors
"""

import argparse
from pathlib import Path
from typing import Any

from interpreting_clip.commands.encoder_list import add_encoder_options, given_encoders
from interpreting_clip.errors import InputError

EPILOG = """\
The encoder is one of
  openclip:ViT-B-32/openai         a CLIP of OpenCLIP, with weights of its zoo
  timm:resnet50.a1_in1k            a model of timm; without a tag, timm's default weights
  torchvision:resnet50/IMAGENET1K_V2
  hub:OWNER/REPOSITORY             a repository of the Hugging Face hub for open_clip or timm
  mine.pt --backbone timm:resnet50 a file of weights and its architecture, of any library
  openclip:ViT-B-32 --random 0     the architecture with random weights, without a head

FOLDER holds images, or one folder of images per class. Classes are numbered in the order of their
folders, 2 before 10. Folders named with ImageNet's WordNet ids, or 0 to 999 as in ImageNet-V2, have
ImageNet's numbers and names.

The file has the arrays
  activations         [image, feature]  before L2 normalisation, float32
  classes             [image]           if there are class folders
  class_indices       [class]           the classes that have images
  weight, bias        [class, feature]  the head: zero-shot of a CLIP if there are class folders
                                        or --class-names, otherwise the encoder's own
  normalize_features  1 if the head takes activations of unit length, else 0
with --layer block01, for example, also these, |h| being of all tokens or positions
  layers.block01.activations      [image, feature]  pooled, float32
  layers.block01.largest, .median [image]           the largest and the median |h|
  layers.block01.massive_feature  [image]           the feature that holds the largest
  layers.block01.shape            [axis]            of one image's output
and, as metadata, the names of images and classes, the encoder and its preprocessing. It is what
`interpreting-clip measure mine.safetensors --report out` reads.

Several encoders get a file each in the folder --to, named after them, and each image is decoded
once for all that fit into memory together. Files that the same command wrote before are kept. An
encoder that fails is named, the others go on, and the exit status is 1. A --list has an encoder in
each line, with the options of this encoder:
  openclip:ViT-B-32/openai
  mine.pt --backbone timm:resnet50 --with 'mean=[0.5, 0.5, 0.5]'   # a comment

--shift blur=photos_blur adds to each file
  shifts.blur.activations    [image, feature]
  shifts.blur.classes        [image]  numbered as those of FOLDER
  shifts.blur.class_indices  [class]

The activations are held in memory until all are computed. If they do not fit, use --to mine.npy:
they are then written to mine.npy as they are computed, and all else to mine.safetensors, for
`interpreting-clip measure mine.npy --head mine.safetensors --labels mine.safetensors`.
"""


def add_extract(commands: Any) -> None:
    """Add the command to a parser's commands."""
    parser = commands.add_parser(
        "extract",
        help="compute the activations of encoders on a folder of images",
        usage="%(prog)s [options] [ENCODER ...] FOLDER --to PATH",
        description="Compute the activations of encoders on a folder of images.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=main)
    add = parser.add_argument
    add("first", metavar="ENCODER", help="an encoder by its name, or a file of weights")
    # The last one is the folder. With --list there may be no other; `main` checks it.
    others = add(
        "others", metavar="FOLDER", nargs="+", help="images, or a folder of them per class"
    )
    others.required = False
    add(
        "--to",
        metavar="PATH",
        type=Path,
        help="the .safetensors or .npy file to write; for several encoders, a folder for their "
        "files",
    )
    add("--layers", action="store_true", help="list the encoder's layers, and write nothing")
    add(
        "--layer",
        metavar="NAME",
        action="append",
        default=[],
        help="also write this layer's output, pooled; may be given several times, or all",
    )
    add(
        "--pool",
        choices=("mean", "class_token"),
        help="how --layer pools tokens and positions; default: mean",
    )
    add(
        "--list",
        metavar="FILE",
        type=Path,
        help="a text with an encoder in each line, with its own options",
    )
    add_encoder_options(add)
    add(
        "--shift",
        metavar="NAME=FOLDER",
        dest="shifts",
        action="append",
        default=[],
        help="also compute the activations of these images, in class folders that FOLDER has; may "
        "be given several times",
    )
    add(
        "--class-names",
        metavar="FILE",
        type=Path,
        help="names of the classes for the zero-shot head, one a line in the order of the classes; "
        "default: ImageNet's, or those of the folders",
    )
    add(
        "--template",
        metavar="TEXT",
        dest="templates",
        action="append",
        help="a prompt with {} for the class, may be given several times; or openai_imagenet, the "
        "80 prompts of CLIP (default), or simple_imagenet, 7 of them",
    )
    add("--no-head", action="store_true", help="write no head")
    add("--precision", default="float32", choices=("float32", "bfloat16", "float16"))
    add("--device", help="cpu, cuda, cuda:1 or mps; default: cuda if there is one, else cpu")
    add("--batch-size", type=int, help="images per forward pass; default: 256")
    add("--workers", type=int, help="processes that load images; default: one per processor")
    add(
        "--downloads",
        metavar="FOLDER",
        default=str(Path.home() / ".cache/interpreting-clip"),
        help="where downloaded weights are kept; default: %(default)s",
    )


def main(options: argparse.Namespace) -> None:
    """Write the activations that the options name.

    Raises
    ------
    InputError
        There is no encoder, nothing says where to write, or a package of the pipeline is missing;
        or as `given_encoders`, `extract_folder` and `extract_several`.
    """
    *words, folder = [options.first, *(options.others or [])]
    options.images = Path(folder)
    given = given_encoders(words, options)
    if not given:
        raise InputError(f"extract: expected ENCODER and FOLDER, got {folder} alone")
    if options.to is None and not options.layers:
        raise InputError("extract: expected --to FILE, or --layers for a list of layers")
    if options.pool and not options.layer:
        raise InputError("--pool: also expected --layer NAME, or --layer all")
    try:
        # Imported here: the library alone has none of what these need.
        if (len(given) > 1 or options.list is not None) and not options.layers:
            from interpreting_clip.commands.extract_several import extract_several

            extract_several(given, options)
        else:
            from interpreting_clip.commands.extract_folder import extract_folder

            for one in given:
                extract_folder(one, options)
    except ModuleNotFoundError as error:
        raise InputError(
            f"extract: the package {error.name} is missing; in the clone of this repository, run "
            "pip install '.[pipeline]'"
        ) from None
