import pytest

from neurograsp.edge_runtime.contract.channels import columns_of

THERE = ("Fp1", "C3", "Cz", "cz", "P4")


@pytest.mark.parametrize(
    ("wanted", "columns"),
    [((), []), (THERE, [0, 1, 2, 3, 4]), (("P4", "c3"), [4, 1]), (("cz", "FP1", "Cz"), [3, 0, 2])],
)
def test_names_in_any_case_and_order(wanted: tuple[str, ...], columns: list[int]) -> None:
    assert columns_of(wanted, THERE) == columns


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (("C3", "Fp11"), "no channel 'Fp11'; did you mean 'Fp1'?"),
        (("EMG",), "no channel 'EMG'; known are C3, Cz, Fp1, P4, cz"),
        (("CZ",), "channel 'CZ' is Cz or cz"),
        (("C3", "c3"), "channel 'C3' is named twice"),
    ],
)
def test_a_name_that_is_not_one_channel_is_refused(wanted: tuple[str, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text.replace("?", r"\?")):
        columns_of(wanted, THERE)
