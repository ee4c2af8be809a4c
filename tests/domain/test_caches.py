"""What is remembered, and up to which bound."""

from __future__ import annotations

from runs.domain.caches import by_identity


class Unhashable:
    """As a message of protobuf: equal to others, and not hashable."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unhashable)


def test_by_identity_equal_objects_are_two_and_the_oldest_leaves():
    made: list[Unhashable] = []

    @by_identity(2)
    def make(one: Unhashable) -> int:
        made.append(one)
        return len(made)

    first, second, third = Unhashable(), Unhashable(), Unhashable()

    assert [make(one) for one in (first, second, first, second)] == [1, 2, 1, 2]
    assert make(third) == 3
    assert make(second) == 2, "it was not the oldest"
    assert make(first) == 4, "it had left"


def test_by_identity_an_object_that_is_gone_elsewhere_is_never_taken_for_another():
    @by_identity(1000)
    def make(one: list[int]) -> int:
        return one[0]

    assert [make([number]) for number in range(500)] == list(range(500))
