import pytest

from .fakes import House


@pytest.fixture
def house() -> House:
    return House()
