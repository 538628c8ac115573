import pytest
import torch

from stages.training.loop import pinned


def test_the_switches_are_put_back_on_an_error():
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    with pytest.raises(KeyError), pinned(3):
        assert torch.get_num_threads() == 3
        assert torch.are_deterministic_algorithms_enabled()
        raise KeyError
    assert (torch.get_num_threads(), torch.get_deterministic_debug_mode()) == before
