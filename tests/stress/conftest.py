from tests.unit.training.conftest import recipe

__all__ = ["recipe"]
