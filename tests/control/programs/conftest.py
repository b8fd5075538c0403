from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .server import ProgramServer, serving


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ProgramServer]:
    async with serving(tmp_path) as running:
        yield running
