"""The smallest CLIP that open_clip allows."""

import pytest

from stages.encoders.encoder import Encoder, clip_encoder
from tests.unit.encoders.conftest import TINY


@pytest.fixture
def tiny_clip() -> Encoder:
    return clip_encoder(TINY, None, 0)
