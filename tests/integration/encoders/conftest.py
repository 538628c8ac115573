from tests.unit.encoders.conftest import tiny_clip

__all__ = ["tiny_clip"]
