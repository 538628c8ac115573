from tests.unit.synthetic.conftest import population, world

__all__ = ["population", "world"]
