"""Whether the journal's database can be written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from mediasrv.doctor.finding import Finding, error, ok
from mediasrv.doctor.machine import Machine
from mediasrv.settings import Settings
from mediasrv.store.data_folder import default_data_folder
from mediasrv.store.database import DatabaseError, database_url, try_to_write

TIMEOUT_S = 10.0


def check_database(settings: Settings, _machine: Machine) -> Iterator[Finding]:
    if settings.dev and not settings.database:
        return
    folder = Path(settings.data_dir) if settings.data_dir else default_data_folder()
    try:
        url = database_url(settings.database, folder)
        if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
            yield ok("database", f"{url.database} is made at the first start")
            return
        asyncio.run(asyncio.wait_for(try_to_write(url), TIMEOUT_S))
    except DatabaseError as wrong:
        yield error("database", str(wrong), "see that it runs, and that the server's user may write it")
    except TimeoutError:
        yield error("database", f"the database gave no answer within {TIMEOUT_S:.0f} s", "see that it runs")
    else:
        yield ok("database", "can be written")
