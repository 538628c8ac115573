from benchmarks.growth import PARTS, Cost, Scale, doubled, growth, rows

TINY = Scale(images=128, features=16, concepts=10, encoders=2, classes=12)


def test_every_part_has_a_line_per_quantity(tmp_path):
    found = rows(tmp_path, TINY, enough=0.0)
    whats = [row.what for row in found]
    assert set(PARTS) <= set(whats)
    for quantity in ("images", "features", "concepts", "encoders"):
        assert whats.count(f"… {quantity}") == len(PARTS)
    assert sum("LAION" in what for what in whats) == 10
    assert all(row.measured for row in found)


def test_one_quantity_is_doubled():
    assert doubled(TINY, "concepts", 2) == TINY._replace(concepts=20)


def test_growth_is_over_the_first_cost():
    costs = [Cost(2.0, 10.0), Cost(4.0, 10.0), Cost(9.0, 20.0)]
    assert growth(costs) == "time × 2.0 × 4.5, memory × 1.0 × 2.0"
