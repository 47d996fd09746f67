"""What was recorded long enough ago is erased: by the service, hourly, or by `cds records expire`."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Final

import anyio
import anyio.to_thread

from cds.records import Records, RecordsUnavailable

LOG: Final = logging.getLogger("cds.service")
APART: Final = 3600.0


async def erase_expired(records: Records, days: int) -> None:
    """Erase, every hour, the facts and answers that are older than so many days. Ends when it is cancelled."""
    while True:
        try:
            count = await anyio.to_thread.run_sync(lambda: expire(records, days))
        except RecordsUnavailable as error:
            LOG.error("nothing was erased: %s", error)
        else:
            LOG.info("erased", extra={"told": {"records": count}})
        await anyio.sleep(APART)


def expire(records: Records, days: int) -> int:
    """Erase what is older than so many days, now; how much it was. Raises `RecordsUnavailable`."""
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    total = 0
    while count := records.erase_before(before):
        total += count
    return total
