"""The sources that the section `weights` can name, for encoders that are not trained here."""

from interpreting_clip.encoders.sources.checkpoint import CheckpointFile
from interpreting_clip.encoders.sources.open_clip import OpenClip
from interpreting_clip.encoders.sources.own_activations import ActivationsFolder
from interpreting_clip.encoders.sources.timm import Timm
from interpreting_clip.encoders.sources.torchvision import Torchvision
from interpreting_clip.encoders.sources.untrained import Untrained

WeightsEntry = Untrained | OpenClip | Torchvision | Timm | CheckpointFile | ActivationsFolder
"""An entry of `weights:`, told apart by `source`."""
