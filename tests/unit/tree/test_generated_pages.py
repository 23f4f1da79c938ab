"""The generated pages of docs/ say what the code says."""

from tests.tools.pages.__main__ import stale
from tests.tools.pages.lifecycle import diagram


def test_no_generated_page_is_stale() -> None:
    assert stale() == (), "run `make docs`"


def test_the_diagram_has_no_character_that_ends_a_mermaid_label() -> None:
    labels = [line.partition(": ")[2] for line in diagram().splitlines() if " --> " in line]
    assert not [label for label in labels if set(label) & set(":;#")]
