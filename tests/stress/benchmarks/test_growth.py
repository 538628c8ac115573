from benchmarks.growth import Cost, Scale, doubled, growth

TINY = Scale(images=128, features=16, concepts=10, encoders=2, classes=12)


def test_one_quantity_is_doubled():
    assert doubled(TINY, "concepts", 2) == TINY._replace(concepts=20)


def test_growth_is_over_the_first_cost():
    costs = [Cost(2.0, 10.0), Cost(4.0, 10.0), Cost(9.0, 20.0)]
    assert growth(costs) == "time × 2.0 × 4.5, memory × 1.0 × 2.0"
