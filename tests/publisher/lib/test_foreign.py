import pytest

from publisher.lib.foreign import mapping, objects, under

ANYTHING = (None, True, 0, 1.5, "text", [], [1], {}, {"a": None}, {"a": 1})


def test_what_is_there_is_found():
    value = {"data": {"children": [{"id": 1}, {"id": 2}]}}
    assert objects(under(value, "data", "children")) == [{"id": 1}, {"id": 2}]
    assert mapping(under(value, "data")) == value["data"]
    assert under(value) is value


@pytest.mark.parametrize("value", ANYTHING)
def test_whatever_stands_there_nothing_is_raised(value):
    assert under(value, "a", "b") is None
    assert isinstance(mapping(value), dict)
    assert objects(value) == []
    assert objects([value, {"id": 1}])[-1] == {"id": 1}
